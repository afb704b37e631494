"""What the stages of a stand-in study run: outputs made of the inputs, in milliseconds.

python stand_in.py STAGE OUTPUT ... -- INPUT ...

The folder that CONTROL names tells it what else to do: `fail/STAGE` makes it fail, `hold/STAGE`
makes it wait until that file is gone, `meet` holds how many cells have to run at once before any
ends. It leaves a line in `ran` each time.
"""

import hashlib
import os
import sys
import time
from pathlib import Path

PATIENCE = 60  # seconds


def main(stage: str, *paths: str) -> None:
    control, at = Path(os.environ["CONTROL"]), paths.index("--")
    with (control / "ran").open("a", encoding="utf-8") as file:
        file.write(
            f"{stage} pid={os.getpid()} threads={os.environ.get('OMP_NUM_THREADS')} "
            f"gpu={os.environ.get('CUDA_VISIBLE_DEVICES')} folder={Path.cwd()}\n"
        )
    if (control / f"fail/{stage}").exists():
        sys.exit("error: this one fails")
    until(lambda: not (control / f"hold/{stage}").exists())
    if stage.startswith("grid") and (control / "meet").exists():
        (control / f"here/{stage}").touch()
        number = int((control / "meet").read_text(encoding="utf-8"))
        until(lambda: len(list((control / "here").iterdir())) >= number)
    digest = hashlib.sha256(stage.encode())
    for path in paths[at + 1 :]:
        for file in [Path(path), *sorted(Path(path).rglob("*"))]:
            if file.is_file():
                digest.update(f"{file.name} {file.read_bytes().hex()}\n".encode())
    for path in map(Path, paths[:at]):
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(f"{path.name} {digest.hexdigest()}\n", encoding="utf-8")


def until(condition) -> None:
    """Wait, but not for ever."""
    ends = time.monotonic() + PATIENCE
    while not condition():
        if time.monotonic() > ends:
            sys.exit("error: waited in vain")
        time.sleep(0.02)


if __name__ == "__main__":
    try:
        main(*sys.argv[1:])
    except KeyboardInterrupt:
        sys.exit("interrupted")
