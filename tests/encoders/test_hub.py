"""Source `hub` against a hub of our own on this machine; nothing here needs the network."""

import hashlib
import json
import os
import subprocess
import sys
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from small import LAYERS, ROOT, WIDTH

REPOSITORY, REVISION = "someone/tiny-bert", "0123456789abcdef0123456789abcdef01234567"
SCRIPT = """
import json, sys, time
from dataclasses import replace
from pathlib import Path
from replication import __main__ as main, params, settings
entry = settings.Encoder(**json.loads(sys.argv[1]))
whole = params.load_params(Path(sys.argv[2]))
main.load_params = lambda: replace(whole, encoders={"tiny": entry})
time.sleep = lambda _: None  # between attempts to reach the hub
sys.exit(main.main(["checkpoint", "tiny"]))
"""


@pytest.fixture
def hub(folders):
    """The address of a hub that holds one repository at one revision; `asked` lists its paths."""
    files = {p.name: p.read_bytes() for p in folders["bert"].iterdir()}
    files |= {"pytorch_model.bin": b"pickle", "modeling.py": b"code", "README.md": b"text"}
    asked = []

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def respond(self, status: int, body: bytes, **headers: str) -> None:
            self.send_response(status)
            headers = {"Content-Length": str(len(body)), "X-Repo-Commit": REVISION} | {
                key.replace("_", "-"): value for key, value in headers.items()
            }
            for key, value in headers.items():
                self.send_header(key, value)
            self.end_headers()
            if server.breaks and "/resolve/" in self.path:
                self.close_connection = True
                body = body[: len(body) // 2]
            if self.command != "HEAD":
                self.wfile.write(body)

        def do_GET(self) -> None:
            path = self.path.partition("?")[0]
            asked.append(path)
            api, resolve = f"/api/models/{REPOSITORY}", f"/{REPOSITORY}/resolve/{REVISION}/"
            if path == f"{api}/tree/{REVISION}":
                tree = [
                    {"type": "file", "path": n, "size": len(b), "oid": hashlib.sha1(b).hexdigest()}
                    for n, b in files.items()
                ]
                self.respond(200, json.dumps(tree).encode(), Content_Type="application/json")
            elif path == f"{api}/revision/{REVISION}":
                info = {"id": REPOSITORY, "sha": REVISION}
                info["siblings"] = [{"rfilename": n} for n in files]
                self.respond(200, json.dumps(info).encode(), Content_Type="application/json")
            elif path.startswith(resolve) and path.removeprefix(resolve) in files:
                body = files[path.removeprefix(resolve)]
                self.respond(200, body, ETag=f'"{hashlib.sha1(body).hexdigest()}"')
            elif REPOSITORY in path:
                self.respond(404, b"", X_Error_Code="RevisionNotFound")
            else:
                self.respond(401, b"", X_Error_Code="RepoNotFound")

        do_HEAD = do_GET

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.asked, server.breaks = asked, False
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield server
    server.shutdown()
    server.server_close()


def fetch(server, tmp_path: Path, offline: bool = False, **changes) -> subprocess.CompletedProcess:
    """Stage `checkpoint` in a process of its own: the hub's address is read on import."""
    entry = {
        "family": "transformer",
        "source": "hub",
        "name": REPOSITORY,
        "revision": REVISION,
        "layers": LAYERS,
        "width": WIDTH,
        "finetune_layers": 1,
        **changes,
    }
    environment = {
        **{k: v for k, v in os.environ.items() if not k.lower().endswith("_proxy")},
        "HF_ENDPOINT": f"http://127.0.0.1:{server.server_port}",
        "HF_HOME": str(tmp_path / "hub"),
        "HF_HUB_DISABLE_XET": "1",
        "HF_HUB_DISABLE_PROGRESS_BARS": "1",
        "HF_HUB_DISABLE_TELEMETRY": "1",
        "PYTHONPATH": str(ROOT),
        "NO_PROXY": "*",
    }
    for name in ("HF_HUB_OFFLINE", "HF_TOKEN", "HF_HUB_CACHE"):
        environment.pop(name, None)
    environment |= {"HF_HUB_OFFLINE": "1"} if offline else {}
    return subprocess.run(
        [sys.executable, "-c", SCRIPT, json.dumps(entry), str(ROOT / "params.yaml")],
        env=environment,
        capture_output=True,
        text=True,
        timeout=120,
    )


def error(done: subprocess.CompletedProcess, attempts: bool = False) -> str:
    """The one line of a failure, which left nothing behind; the hub's client tells of attempts."""
    *before, last = done.stderr.strip().split("\n")
    assert done.returncode == 1 and "Traceback" not in done.stderr, done.stderr
    assert attempts or not before, done.stderr
    assert not any(Path("checkpoints").rglob("*"))
    return last


def test_a_pinned_revision(params, folders, hub, tmp_path):
    weights = (folders["bert"] / "model.safetensors").read_bytes()
    pins = {"model.safetensors": hashlib.sha256(weights).hexdigest()}
    done = fetch(hub, tmp_path, sha256=pins)
    assert done.returncode == 0, done.stderr
    found = {p.name: p.read_bytes() for p in Path("checkpoints/tiny").iterdir()}
    source = json.loads(found.pop("source.json"))
    assert found == {p.name: p.read_bytes() for p in folders["bert"].iterdir()}
    assert source["name"] == REPOSITORY and source["revision"] == REVISION
    assert not any(p.endswith((".bin", ".py")) for p in hub.asked)  # not even downloaded

    hub.asked.clear()  # a second time: from the hub's cache on disk
    assert fetch(hub, tmp_path, sha256=pins).returncode == 0
    assert not any("resolve" in path for path in hub.asked)


def test_other_bytes_than_the_pinned_ones(params, hub, tmp_path):
    line = error(fetch(hub, tmp_path, sha256={"model.safetensors": "0" * 64}))
    assert line.startswith("error: encoders.tiny.sha256: ") and f"expected {'0' * 64}" in line


def test_an_unknown_revision(params, hub, tmp_path):
    line = error(fetch(hub, tmp_path, revision="f" * 40))
    assert line.startswith(f"error: encoders.tiny: {REPOSITORY} at {'f' * 40} could not be had")


def test_an_unknown_repository(params, hub, tmp_path):
    line = error(fetch(hub, tmp_path, name="someone/else"))
    assert "someone/else" in line and "check the name, the network and HF_TOKEN" in line


def test_a_name_that_is_no_repository(params, hub, tmp_path):
    line = error(fetch(hub, tmp_path, name="a/b/c"))
    assert line.startswith(f"error: encoders.tiny: a/b/c at {REVISION} could not be had")


def test_the_hub_cannot_be_reached(params, hub, tmp_path):
    hub.shutdown()
    hub.server_close()
    line = error(fetch(hub, tmp_path), attempts=True)
    assert line.startswith(f"error: encoders.tiny: {REPOSITORY} at {REVISION} could not be had")
    assert "use source: folder" in line


def test_offline(params, hub, tmp_path):
    line = error(fetch(hub, tmp_path, offline=True))
    assert line.startswith(f"error: encoders.tiny: {REPOSITORY} at {REVISION} could not be had")
    assert not hub.asked
    assert fetch(hub, tmp_path).returncode == 0
    hub.asked.clear()
    assert fetch(hub, tmp_path, offline=True).returncode == 0  # from the hub's cache on disk
    assert not hub.asked


def test_a_connection_that_breaks_off(params, hub, tmp_path):
    hub.breaks = True
    line = error(fetch(hub, tmp_path), attempts=True)
    assert line.startswith(f"error: encoders.tiny: {REPOSITORY} at {REVISION} could not be had")
    hub.breaks = False
    assert fetch(hub, tmp_path).returncode == 0
