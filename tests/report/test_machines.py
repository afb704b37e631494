"""The machines that can be planned for: what they do in a second, and who is one of them."""

import re

import pytest

from replication.files.errors import StudyError
from replication.report.machines import MACHINES, Attained, load_machines, machine, machines

NAMES = ["core", "accelerator", "H100", "H200", "A100", "L40S", "RTX4090"]


@pytest.mark.parametrize("name", NAMES)
def test_a_machine_attains_a_share_of_its_peak_in_every_kind_of_work(name):
    found = machine(name)
    assert set(found.attained) == set(Attained.__dataclass_fields__)
    for kind, share in found.attained.items():
        assert 0 < share <= 1
        assert found.rate(kind) == pytest.approx(share * found.operations)
        assert re.match(r"assumed$|measured, \S", found.origin[kind])


def test_published_peaks():
    """Dense bf16, TFLOP/s, and memory in GB, as the makers' sheets have them."""
    published = {
        "H100": (989, 80), "H200": (989, 141), "A100": (312, 80), "L40S": (362, 48),
        "RTX4090": (165, 24),
    }  # fmt: skip
    found = {
        name: (device.tflops, device.memory_gb)
        for name, device in load_machines().devices.items()
        if name in published
    }
    assert found == published


def test_the_machines_of_the_page_of_costs_are_as_it_names_them():
    assert machine("accelerator").rate("adapt") == 100e12
    assert machine("core").rate("frozen") == pytest.approx(0.1e12)


@pytest.mark.parametrize(
    ("text", "found"),
    [("8xH100", (8, "H100")), ("H100", (1, "H100")), ("2 x core", (2, "core"))],
)
def test_a_number_and_a_device(text, found):
    assert machines(text) == found


@pytest.mark.parametrize("text", ["8xB9000", "b9000"])
def test_an_unknown_device_is_told_with_the_known_ones(text):
    with pytest.raises(StudyError, match=r"'[bB]9000' is not accepted; accepted: ") as error:
        machines(text)
    assert all(name in str(error.value) for name in NAMES) and "\n" not in str(error.value)


@pytest.mark.parametrize("text", ["", "8", "0xH100", "-1xH100", "8x", "99999xH100"])
def test_what_is_no_number_and_device(text):
    with pytest.raises(StudyError, match=r"--gpus: .* such as 8xH100"):
        machines(text)


def test_whose_runs_a_machine_made():
    h100, core = machine("H100"), machine("core")
    gpu = {"gpu": "NVIDIA H100 80GB HBM3", "cores": 16}
    assert h100.did(gpu) and machine("accelerator").did(gpu)
    assert not machine("A100").did(gpu) and not core.did(gpu)
    assert core.did({"gpu": None, "cores": 64}, 1) and not core.did({"gpu": None}, 2)
    assert not h100.did({"gpu": None, "cores": 2}) and not h100.did(None)


@pytest.mark.parametrize(
    ("line", "instead", "key"),
    [
        ("tflops: 989", "tflops: fast", "devices.H100.tflops"),
        ("tflops: 989", "tflops: -1", "devices.H100.tflops"),
        ("embed: {share: 0.39,", "embed: {share: 39,", "devices.H100.attained.embed.share"),
        ("      adapt: {share: 0.3, origin: assumed}\n", "", "devices.H100.attained.adapt"),
        ("  stage_s: ", "  stage_s: -", "host.stage_s"),
    ],
)
def test_a_malformed_file_is_named_with_its_key(tmp_path, line, instead, key):
    file, text = tmp_path / "machines.yaml", MACHINES.read_text(encoding="utf-8")
    assert line in text
    file.write_text(text.replace(line, instead, 1), encoding="utf-8")
    with pytest.raises(StudyError, match=re.escape(key)) as error:
        load_machines(file)
    assert str(error.value).startswith(str(file)) and "\n" not in str(error.value)
