"""A process that has the libraries imported, and forks itself for each command that it is asked.

A stage of a tiny study takes a tenth of a second, and the import of torch, transformers and peft
before it eight. Only libraries are imported here: the package is that of the command's folder.
Arguments: the socket's path. It ends with its standard input.
"""

import atexit
import contextlib
import gc
import importlib
import json
import os
import random
import runpy
import select
import signal
import socket
import sys
import traceback
from pathlib import Path

LIBRARIES = (
    *("accelerate", "altair", "dvc.cli", "dvc.commands.experiments.run", "dvc.commands.repro"),
    *("dvc.repo", "filelock", "hydra", "omegaconf", "peft", "polars", "psutil", "pydantic"),
    *("requests", "ruamel.yaml"),
    *("safetensors.torch", "scipy.stats", "tokenizers", "torch", "tqdm"),
    *("transformers.models.auto.modeling_auto", "transformers.models.auto.tokenization_auto"),
    *("transformers.models.bert.modeling_bert", "transformers.models.llama.modeling_llama"),
)


def serve(address: str) -> None:
    listening = socket.socket(socket.AF_UNIX)
    listening.bind(address)
    listening.listen(64)  # before the imports: whoever asks now waits
    for name in LIBRARIES:
        with contextlib.suppress(ImportError):
            importlib.import_module(name)
    gc.collect()
    gc.freeze()
    woken, wakes = os.pipe()
    for end in (woken, wakes):
        os.set_blocking(end, False)
    signal.signal(signal.SIGCHLD, lambda *_: None)
    signal.set_wakeup_fd(wakes, warn_on_full_buffer=False)
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # its client has it too, and sends it on
    running: dict[int, socket.socket] = {}
    while True:
        waiting = [0, woken, listening, *running.values()]
        for ready in select.select(waiting, [], [])[0]:
            if ready == 0:
                if not os.read(0, 1):
                    for child in running:
                        os.kill(child, signal.SIGKILL)
                    return
            elif ready is listening:
                client, _ = listening.accept()
                if (child := _fork(client, [listening, *running.values()])) is not None:
                    running[child] = client
            elif ready == woken:
                os.read(woken, 4096)
                _reap(running)
            else:
                _signal(running, ready)


def _reap(running: dict[int, socket.socket]) -> None:
    for child in list(running):
        ended, status = os.waitpid(child, os.WNOHANG)
        if ended:
            client = running.pop(child)
            code = os.waitstatus_to_exitcode(status)
            with contextlib.suppress(OSError):
                client.send(bytes([code if code >= 0 else 128 - code]))
            client.close()


def _signal(running: dict[int, socket.socket], client: socket.socket) -> None:
    """Send on what its client got; a client that is gone was killed."""
    for child, its in running.items():
        if its is client:
            number = client.recv(1)
            os.kill(child, number[0] if number else signal.SIGKILL)
            if not number:
                os.waitpid(child, 0)
                del running[child]
                client.close()
            return


def _fork(client: socket.socket, others: list[socket.socket]) -> int | None:
    length, streams, _, _ = socket.recv_fds(client, 8, 3)
    if not length:  # it hung up
        client.close()
        return None
    body = client.recv(int.from_bytes(length, "big"), socket.MSG_WAITALL)
    child = os.fork()
    if child:
        for stream in streams:
            os.close(stream)
        return child
    status = 1
    try:
        for other in (client, *others):
            other.close()
        status = _become(json.loads(body), streams)
    except BaseException:
        traceback.print_exc()
    finally:
        os._exit(status)


def _become(request: dict, streams: list[int]) -> int:
    """Run the command as a new interpreter would; its exit status."""
    os.setsid()
    signal.set_wakeup_fd(-1)
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    signal.signal(signal.SIGINT, signal.default_int_handler)
    for number, stream in enumerate(streams):
        os.dup2(stream, number)
        os.close(stream)
    sys.stdin = open(0, encoding="utf-8", closefd=False)  # noqa: SIM115
    sys.stdout = open(1, "w", encoding="utf-8", closefd=False)  # noqa: SIM115
    sys.stderr = open(2, "w", 1, encoding="utf-8", closefd=False)  # noqa: SIM115
    os.chdir(request["folder"])
    theirs = request["environment"]
    hub = {k: v for k, v in os.environ.items() if k.startswith("HF_")}
    os.environ.clear()
    os.environ.update(theirs)
    if hub != {k: v for k, v in theirs.items() if k.startswith("HF_")}:
        for name in [n for n in sys.modules if n.partition(".")[0] == "huggingface_hub"]:
            del sys.modules[name]  # it reads its settings when it is imported
    sys.path[:0] = [request["folder"], *filter(None, theirs.get("PYTHONPATH", "").split(":"))]
    random.seed()
    sys.modules["numpy"].random.seed()
    sys.modules["torch"].set_num_threads(int(theirs.get("OMP_NUM_THREADS", "1")))
    try:
        _run(request["name"], request["arguments"])
        status = 0
    except SystemExit as end:
        if isinstance(end.code, str):
            print(end.code, file=sys.stderr)
        status = end.code if isinstance(end.code, int) else int(end.code is not None)
    except BaseException:
        traceback.print_exc()
        status = 1
    finally:
        atexit._run_exitfuncs()
        for stream in (sys.stdout, sys.stderr):
            with contextlib.suppress(OSError, ValueError):
                stream.flush()
    return status


def _run(name: str, arguments: list[str]) -> None:
    if name == "dvc":
        sys.argv = ["dvc", *arguments]
        sys.exit(sys.modules["dvc.cli"].main(arguments))
    if arguments[0] == "-c":
        sys.argv = ["-c", *arguments[2:]]
        exec(compile(arguments[1], "<string>", "exec"), {"__name__": "__main__"})
        return
    sys.argv = ["-m", *arguments[2:]]
    runpy.run_module(arguments[1], run_name="__main__", alter_sys=True)


if __name__ == "__main__":
    sys.path.remove(str(Path(__file__).parent))
    serve(sys.argv[1])
