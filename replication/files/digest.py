"""The checksums that name bytes: SHA-256 throughout the study, MD5 where DVC's are read."""

import hashlib
from pathlib import Path

DIGITS = 16  # hexadecimal, of `of_key`


def sha256(path: Path) -> str:
    """Hexadecimal SHA-256 of a file."""
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def md5(path: Path) -> str:
    """Hexadecimal MD5 of a file, as DVC records it."""
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "md5").hexdigest()


def of_key(key: str) -> str:
    """What a file or folder is named by that holds the result of a key: DIGITS of its SHA-256."""
    return hashlib.sha256(key.encode()).hexdigest()[:DIGITS]
