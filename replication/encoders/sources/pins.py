"""Files held against the sha256 that the registry has for them."""

from pathlib import Path

from replication.files.digest import sha256
from replication.files.errors import StudyError, warn
from replication.study.encoders import Digest, Digests


def check_pins(where: str, pins: Digests, folder: Path) -> dict[str, str]:
    """The sha256 found of each pinned file of `folder`.

    A digest of grade M or L that differs, and one that is not known, are told in a warning.
    where   the entry of the registry, for messages
    Errors: `StudyError` for a file of grade H that is missing or has other bytes.
    """
    found = {}
    for file, pin in pins.items():
        path = folder / file
        if path.is_file():
            found[file] = sha256(path)
            _hold(f"{where}.sha256: {path}", pin, found[file])
        elif isinstance(pin, Digest) and pin.grade != "H":
            warn(f"{where}.sha256: {path} does not exist")
        else:
            raise StudyError(f"{where}.sha256: {path} does not exist")
    return found


def _hold(what: str, pin: str | Digest | None, found: str) -> None:
    if pin is None:
        warn(f"{what} has sha256 {found}; none is known to hold it against: its revision alone "
             "pins it")  # fmt: skip
        return
    expected, grade = (pin, "H") if isinstance(pin, str) else (pin.sha256, pin.grade)
    if found == expected:
        return
    told = f"{what} has sha256 {found}, expected {expected}"
    if grade == "H":
        raise StudyError(
            f"{told}; the file is not the pinned one: install the pinned version again"
        )
    warn(f"{told} by a source of grade {grade}, which can be wrong; it is taken as it is")
