"""The machines that can be planned for: what they do in a second, and who is one of them."""

import re
from pathlib import Path
from typing import get_args

import pytest

from replication.errors import StudyError
from replication.report.machines import Kind, load_machines, machine, machines

NAMES = ["two-cores", "accelerator", "H100", "A100", "L40S", "RTX4090"]


@pytest.mark.parametrize("name", NAMES)
def test_a_machine_attains_a_share_of_its_peak_in_every_kind_of_work(name):
    found = machine(name)
    assert set(found.attained) == set(get_args(Kind))
    for kind, share in found.attained.items():
        assert 0 < share <= 1
        assert found.rate(kind) == pytest.approx(share * found.operations)
        assert re.match("assumed$|measured, reports/", found.origin[kind])


def test_published_peaks():
    """Dense bf16, TFLOP/s, and memory in GB, as the makers' sheets have them."""
    published = {"H100": (989, 80), "A100": (312, 80), "L40S": (362, 48), "RTX4090": (165, 24)}
    found = {
        name: (device.tflops, device.memory_gb)
        for name, device in load_machines().devices.items()
        if name in published
    }
    assert found == published


def test_the_machines_of_the_page_of_costs_are_as_it_names_them():
    assert machine("accelerator").rate("adapt") == 100e12
    assert machine("two-cores").rate("frozen") == pytest.approx(0.2e12)


@pytest.mark.parametrize(
    ("text", "found"),
    [("8xH100", (8, "H100")), ("H100", (1, "H100")), ("2 x two-cores", (2, "two-cores"))],
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
    h100, cores = machine("H100"), machine("two-cores")
    gpu = {"gpu": "NVIDIA H100 80GB HBM3", "cores": 16}
    assert h100.did(gpu) and machine("accelerator").did(gpu)
    assert not machine("A100").did(gpu) and not cores.did(gpu)
    assert cores.did({"gpu": None, "cores": 2}) and not cores.did({"gpu": None, "cores": 64})
    assert not h100.did({"gpu": None, "cores": 2}) and not h100.did(None)


def test_a_malformed_file_is_named(tmp_path: Path):
    file = tmp_path / "machines.yaml"
    file.write_text("devices: {H100: {name: x}}\nhost: {}\n", encoding="utf-8")
    with pytest.raises(StudyError, match=re.escape(f"{file}: devices.H100.")):
        load_machines(file)
