"""The number format by processor: a rule that is the same each time."""

import pytest

from replication.machine.precision import faster_in_bf16, resolve_precision

BF16 = {"avx512_bf16": True}


@pytest.mark.parametrize(
    ("vendor", "capabilities", "expected"),
    [
        ("GenuineIntel", BF16, False),  # measured: half the rate of fp32
        ("GenuineIntel", {**BF16, "amx_bf16": True}, True),
        ("AuthenticAMD", BF16, True),  # Zen 4 and later
        ("AuthenticAMD", {"avx2": True}, False),
        (None, {"bf16": True, "asimd": True}, False),  # ARM: not measured
        (None, {}, False),
    ],
)
def test_bf16_where_it_is_faster(vendor, capabilities, expected):
    assert faster_in_bf16(vendor, capabilities) is expected


def test_what_is_asked_for_is_taken():
    assert (resolve_precision("fp32"), resolve_precision("bf16")) == ("fp32", "bf16")
    assert resolve_precision("auto") == resolve_precision("auto")
