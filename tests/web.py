"""A web server of our own on this machine: tests need no network."""

import os
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from email.message import Message
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

ROOT = Path(__file__).parents[1]


@dataclass
class Answer:
    """What a request gets; the connection breaks off after `cut` bytes of the body."""

    status: int = 200
    body: bytes = b""
    headers: dict[str, str] = field(default_factory=dict)
    cut: int | None = None


@contextmanager
def serving(answer: Callable[[str, Message], Answer]) -> Iterator[str]:
    """Serve GET and HEAD by `answer(path, request headers)`; yields the address, without a /."""

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            given = answer(self.path, self.headers)
            self.send_response(given.status)
            for key, value in ({"Content-Length": str(len(given.body))} | given.headers).items():
                self.send_header(key, value)
            self.end_headers()
            if self.command == "GET":
                self.wfile.write(given.body[: given.cut])
                self.close_connection = given.cut is not None

        do_HEAD = do_GET

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.handle_error = lambda *_: None  # a client that hangs up
    threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        server.server_close()


def hub_client(address: str, folder: Path) -> dict[str, str]:
    """The environment of a process whose hub is at `address`, with nothing in its cache but what
    `folder` holds, and no proxy, token or setting of whoever runs the tests."""
    ours = ("HF_HUB_OFFLINE", "HF_TOKEN", "HF_HUB_CACHE")
    kept = {
        k: v for k, v in os.environ.items() if not k.lower().endswith("_proxy") and k not in ours
    }
    return kept | {
        "HF_ENDPOINT": address,
        "HF_HOME": str(folder / "hub"),
        "HF_HUB_DISABLE_XET": "1",
        "HF_HUB_DISABLE_TELEMETRY": "1",
        "HF_HUB_DISABLE_PROGRESS_BARS": "1",
        "PYTHONPATH": str(ROOT),
        "NO_PROXY": "*",
    }
