"""Processes that have libraries imported, of which the grid's stages and their DVCs are forked.

Torch takes seconds to import, transformers more, and DVC one. So there are two of them: one has DVC
within a second, and serves until the other has everything, or to the end beside a GPU, whose state
outlives no fork. `python -m replication` as a stage of
the grid, and the DVC that runs it (`grid.cell`), hand their words, folder, environment and streams
over to a child of such a process, and then only stand for the child: an interrupt goes on to it,
its status comes back, and no child outlives the one that stands for it. Where nobody listens, a
command runs as it would without all this.
"""

import gc
import json
import os
import runpy
import select
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
import traceback
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from importlib import import_module
from pathlib import Path

from replication.study import paths

# Without polars, which starts threads when it is imported: a fork would lose them.
FIRST = (
    "dvc.cli.parser", "dvc.commands.repro", "dvc.repo.reproduce", "dvc.stage.loader", "dvc.scm",
    "dvc.rwlock", "dvc.utils.strictyaml", "dvc.data_cloud", "pydantic.dataclasses", "ruamel.yaml",
    "tqdm",
)  # fmt: skip
LIBRARIES = (
    *FIRST, "torch", "scipy.sparse", "scipy.special", "safetensors.torch",
    "transformers.modeling_utils", "transformers.masking_utils", "transformers.generation.utils",
    "transformers.models.auto.modeling_auto", "scipy.stats", "altair",
)  # fmt: skip
# Not as a module of the package, of which nothing must be loaded in a child.
START = f"import sys; from {__name__} import main; main(*sys.argv[1:])"
WORTHWHILE = 3  # stages that compute: it takes as long to start as they save
_TAKEN = b"+"


class Offer:
    """Both processes, or none: stages run by themselves then."""

    def __init__(self) -> None:
        self._started: dict[str, subprocess.Popen] = {}

    def start(self, address: str) -> None:
        """Start both at once: what the grid does before its first stage takes as long as the first
        of them."""
        for where, libraries in ((_first(address), FIRST), (address, LIBRARIES)):
            self._started[where] = subprocess.Popen(
                [sys.executable, "-c", START, where, *libraries],
                stdin=subprocess.PIPE,
                stdout=subprocess.DEVNULL,
                start_new_session=True,
            )
        os.environ[paths.WARM] = address

    def begin(self, stages: int) -> None:
        """Wait for the first of them; or end both, where few `stages` will compute."""
        if stages < WORTHWHILE:
            self.end()
        self._wait(next(iter(self._started), None))

    def compute(self) -> None:
        """Wait for the other one, or until it cannot be: a stage that needs torch and starts before
        that imports the same beside it, and has a core less for it."""
        self._wait(next(reversed(self._started), None))

    def _wait(self, address: str | None) -> None:
        while address and self._started[address].poll() is None and not Path(address).exists():
            time.sleep(0.02)

    def end(self) -> None:
        """Both of them."""
        for process in self._started.values():
            os.environ.pop(paths.WARM, None)
            process.kill()
            process.wait()
        self._started.clear()


@contextmanager
def offered() -> Iterator[Offer]:
    """While this lasts, stages that are started find such processes, as soon as they are ready.

    Only Linux forks safely. None is started either where the variable is set already, be it to
    nothing.
    """
    if sys.platform != "linux" or paths.WARM in os.environ:
        yield Offer()
        return
    with tempfile.TemporaryDirectory() as folder:  # which is the user's alone
        offer = Offer()
        try:
            offer.start(str(Path(folder) / "socket"))
            yield offer
        finally:
            offer.end()


def _first(address: str) -> str:
    """Where the process listens that serves until there is one at `address`."""
    return f"{address}.first"


def handed_over(module: str, words: Sequence[str]) -> int | None:
    """Let a child of the process at paths.WARM, or of the first one, run `python -m` MODULE with
    these words.

    Its exit status; None where no child could take them. If the child is killed, so is this.
    """
    address = os.environ.get(paths.WARM)
    if not address:  # as in all but what the grid starts
        return None
    connection = socket.socket(socket.AF_UNIX)
    try:
        connection.connect(address if Path(address).exists() else _first(address))
        given = [module, list(words), str(Path.cwd()), dict(os.environ)]
        told = json.dumps(given).encode()
        socket.send_fds(connection, [len(told).to_bytes(4, "big")], [0, 1, 2])
        connection.sendall(told)
        if connection.recv(1) != _TAKEN:
            return None
    except OSError:
        return None

    def interrupt(*_: object) -> None:
        with suppress(ConnectionError):  # it has ended meanwhile
            connection.send(b"i")

    signal.signal(signal.SIGINT, interrupt)
    status = b""
    with suppress(ConnectionError):
        status = connection.recv(1)
    if not status:
        os.kill(os.getpid(), signal.SIGKILL)
    return status[0]


def main(address: str, *libraries: str) -> None:
    """Import, listen, and fork, until standard input ends, as it does when its starter is gone."""
    for name in libraries:
        import_module(name)
    if _has_gpu() or len(list(Path("/proc/self/task").iterdir())) > 1:
        return  # neither a GPU's state nor a thread outlives a fork
    for name in [name for name in sys.modules if name.partition(".")[0] == "replication"]:
        del sys.modules[name]  # a child's are those of its folder, and none but what it imports
    gc.freeze()  # pages of what is imported stay shared
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # children that have ended are not kept
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(f"{address}.new")
        listener.listen()
        Path(f"{address}.new").rename(address)  # whoever finds it is heard
        while sys.stdin not in select.select([listener, sys.stdin], [], [])[0]:
            connection = listener.accept()[0]
            with connection:
                if os.fork() == 0:
                    listener.close()
                    _serve(connection)


def _has_gpu() -> bool:
    torch = sys.modules.get("torch")
    return torch is not None and torch.cuda.is_available()


def _serve(connection: socket.socket) -> None:
    """In the child: do as the one at the other end was told, in its place."""
    os.setsid()
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    signal.signal(signal.SIGINT, signal.default_int_handler)  # a shell's `&` has it ignored
    size, streams, _, _ = socket.recv_fds(connection, 4, 3)
    told = connection.recv(int.from_bytes(size, "big"), socket.MSG_WAITALL)
    if len(told) < int.from_bytes(size, "big"):  # it has been killed meanwhile
        os._exit(1)
    for number, stream in enumerate(streams):
        os.dup2(stream, number)
        os.close(stream)
    module, words, folder, environ = json.loads(told)
    os.chdir(folder)
    if module == __package__.partition(".")[0]:  # what a stage starts in turn is not handed over
        del environ[paths.WARM]
    os.environ.clear()
    os.environ.update(environ)
    sys.argv[1:], sys.path[0] = words, folder
    Path("/proc/self/comm").write_text(module, encoding="ascii")  # for `top`, and `dvc_guard`
    connection.sendall(_TAKEN)
    threading.Thread(target=_follow, args=(connection,), daemon=True).start()
    status = _run(module)
    connection.sendall(bytes([status]))
    os._exit(status)


def _run(module: str) -> int:
    """`python -m` MODULE; its exit status."""
    if module == "dvc":
        from replication.pipeline.grid.lock_entry import install

        install()
    status = 0
    try:
        runpy.run_module(module, run_name="__main__", alter_sys=True)
    except SystemExit as ended:
        if isinstance(ended.code, str):
            print(ended.code, file=sys.stderr)
        status = ended.code if isinstance(ended.code, int) else int(ended.code is not None)
    except BaseException:  # what Python itself would print
        traceback.print_exc()
        status = 1
    sys.stdout.flush()
    sys.stderr.flush()
    return status


def _follow(connection: socket.socket) -> None:
    with suppress(ConnectionError):
        while connection.recv(1):
            os.killpg(0, signal.SIGINT)
    os.killpg(0, signal.SIGKILL)
