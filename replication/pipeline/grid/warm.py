"""A process that has the libraries imported, of which the grid's stages and their DVCs are forked.

Torch takes seconds to import, transformers more, and DVC one. `python -m replication` as a stage of
the grid, and the DVC that runs it (`grid.cell`), hand their words, folder, environment and streams
over to a child of that process, and then only stand for the child: an interrupt goes on to it, its
status comes back, and no child outlives the one that stands for it. Where nobody listens, a command
runs as it would without all this.
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
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from importlib import import_module
from pathlib import Path

from replication.study import paths

# Without polars, which starts threads when it is imported: a fork would lose them.
LIBRARIES = (
    "torch", "scipy.sparse", "scipy.special", "pydantic.dataclasses", "ruamel.yaml", "tqdm",
    "safetensors.torch", "transformers.modeling_utils", "transformers.masking_utils",
    "transformers.generation.utils", "transformers.models.auto.modeling_auto",
    "dvc.cli.parser", "dvc.commands.repro", "dvc.repo.reproduce", "dvc.stage.loader", "dvc.scm",
    "dvc.rwlock", "dvc.utils.strictyaml", "dvc.data_cloud",
)  # fmt: skip
# Not as a module of the package, of which nothing must be loaded in a child.
START = f"import sys; from {__name__} import main; main(*sys.argv[1:])"
WORTHWHILE = 3  # stages that compute: it takes as long to start as they save
_TAKEN = b"+"


@contextmanager
def offered() -> Iterator[Callable[[int], None]]:
    """While this lasts, stages that are started find such a process, once it is ready.

    It starts at once, for what the grid does before its first stage takes as long. What is handed
    out is told how many stages will compute. It waits until the process is ready, or cannot be:
    stages that start before that import the same beside it, and have a core less for it. Few of
    them are not worth it, and it is ended.

    Only Linux forks safely. None is started either where the variable is set already, be it to
    nothing.
    """
    if sys.platform != "linux" or paths.WARM in os.environ:
        yield lambda _: None
        return
    with tempfile.TemporaryDirectory() as folder:  # which is the user's alone
        address = str(Path(folder) / "socket")
        process = subprocess.Popen(
            [sys.executable, "-c", START, address, *LIBRARIES],
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            start_new_session=True,
        )
        os.environ[paths.WARM] = address

        def end() -> None:
            os.environ.pop(paths.WARM, None)
            process.kill()
            process.wait()

        def ready(stages: int) -> None:
            if stages < WORTHWHILE:
                end()
            while process.poll() is None and not Path(address).exists():
                time.sleep(0.02)

        try:
            yield ready
        finally:
            end()


def handed_over(module: str, words: Sequence[str]) -> int | None:
    """Let a child of the process at paths.WARM run `python -m` MODULE with these words.

    Its exit status; None where no child could take them. If the child is killed, so is this.
    """
    if not os.environ.get(paths.WARM):  # as in all but what the grid starts
        return None
    connection = socket.socket(socket.AF_UNIX)
    try:
        connection.connect(os.environ[paths.WARM])
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
