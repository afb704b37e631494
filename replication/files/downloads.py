"""Download one large file that is pinned by its SHA-256, resuming what was cut off."""

import time
from pathlib import Path

import requests
from tqdm import tqdm

from replication.files.digest import sha256
from replication.files.errors import StudyError

ATTEMPTS = 5  # in a row that bring nothing
PAUSE = 1.0  # seconds before the second attempt; it doubles
_TIMEOUT = (10, 60)  # seconds: to connect, and between two pieces
_CHUNK = 1 << 16  # bytes; a connection that breaks loses up to so many
_PASSING = (408, 416, 429)  # of the 4xx answers, those that another try can change


def download(url: str, path: Path, digest: str) -> None:
    """Have the file of SHA-256 `digest` at `path`; a file that is there already is only checked.

    An unfinished download lies beside it as `<name>.part`, with the server's name for those bytes
    (a strong ETag) in `<name>.part.etag`. It goes on where it stopped, also in a later run, unless
    the server cannot do that or has another file by now; then it starts over.
    Errors: `StudyError` in one line where the server refuses or cannot be reached, the disk is
    full, or the bytes are not the pinned ones, which are then removed.
    """
    if not path.is_file():
        path.parent.mkdir(parents=True, exist_ok=True)
        part = path.with_name(f"{path.name}.part")
        _fetch(url, part)
        part.replace(path)
        _etag_file(part).unlink(missing_ok=True)
    if (found := sha256(path)) != digest:
        path.unlink()
        raise StudyError(
            f"{path}: sha256 {found}, expected {digest}; removed, for it is not the pinned file: "
            f"run again to download it from {url}, or use a copy of your own"
        )


def _fetch(url: str, part: Path) -> None:
    """Complete `part`, in as many connections as it takes."""
    failures = 0
    while True:
        before = _size(part)
        try:
            return _continue(url, part)
        except requests.RequestException as error:
            problem = " ".join(str(error).split())
            failures = 1 if _size(part) > before else failures + 1
        except OSError as error:
            raise StudyError(
                f"{part}: {error.strerror or error}; make room, then run again: the download goes "
                "on where it stopped"
            ) from None
        if failures == ATTEMPTS:
            raise StudyError(
                f"{url}: could not be downloaded ({problem[:200]}); check the network and run "
                "again: the download goes on where it stopped"
            )
        time.sleep(PAUSE * 2 ** (failures - 1))


def _continue(url: str, part: Path) -> None:
    """One connection: append what is missing, or start over where the server wants that."""
    start, etag = _size(part), _etag(part)
    headers = {"Accept-Encoding": "identity"}
    if start:
        headers["Range"] = f"bytes={start}-"
        if etag:
            headers["If-Range"] = etag
    with requests.get(url, headers=headers, stream=True, timeout=_TIMEOUT) as response:
        _refuse(url, response.status_code)
        resumed = response.status_code == 206
        whole = response.headers.get("Content-Range", "")  # bytes 100-199/200
        new = response.headers.get("ETag", "")
        if response.status_code == 416 and whole == f"bytes */{start}":
            return  # it was complete
        if response.status_code == 416 or (
            resumed and (not whole.startswith(f"bytes {start}-") or etag not in ("", new))
        ):
            _remove(part)
            raise requests.ConnectionError("the file at the server has changed")
        response.raise_for_status()
        if not resumed:
            start = 0
            _etag_file(part).write_text("" if new.startswith("W/") else new, encoding="utf-8")
        length = response.headers.get("Content-Length")
        with (
            part.open("ab" if resumed else "wb") as file,
            tqdm(
                desc=part.stem,
                initial=start,
                total=start + int(length) if length else None,
                unit="B",
                unit_scale=True,
            ) as progress,
        ):
            for chunk in response.iter_content(_CHUNK):
                file.write(chunk)
                progress.update(len(chunk))


def _refuse(url: str, status: int) -> None:
    """StudyError about an answer that another try would not change."""
    if status in (401, 403):
        raise StudyError(
            f"{url}: not open to you (HTTP {status}); get the file in a browser and name its path "
            "instead of the address"
        )
    if 400 <= status < 500 and status not in _PASSING:
        raise StudyError(
            f"{url}: no such file at the server (HTTP {status}); check the address, or get the "
            "file elsewhere and name its path instead"
        )


def _remove(part: Path) -> None:
    part.unlink(missing_ok=True)
    _etag_file(part).unlink(missing_ok=True)


def _size(part: Path) -> int:
    return part.stat().st_size if part.exists() else 0


def _etag_file(part: Path) -> Path:
    return part.with_name(f"{part.name}.etag")


def _etag(part: Path) -> str:
    path = _etag_file(part)
    return path.read_text(encoding="utf-8") if path.exists() else ""
