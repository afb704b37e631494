"""Source `hub` against a hub of our own on this machine; nothing here needs the network."""

import hashlib
import json
import subprocess
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
import ready_python
from small import LAYERS, ROOT, WIDTH, write_shards
from web import hub_client

REPOSITORY, REVISION = "someone/tiny-bert", "0123456789abcdef0123456789abcdef01234567"
SCRIPT = """
import json, sys, time
from dataclasses import replace
from pathlib import Path
from pydantic import TypeAdapter
from replication.__main__ import main
from replication.commands import data
from replication.study import params, settings
entry = TypeAdapter(settings.Encoder).validate_json(sys.argv[1])
whole = params.load_params(Path(sys.argv[2]))
data.load_params = lambda: replace(whole, encoders={"tiny": entry}, adapters={})
if "impatient" in sys.argv:
    time.sleep = lambda _: None  # between attempts to reach the hub
sys.exit(main(["checkpoint", "tiny"]))
"""


@pytest.fixture
def hub(folders):
    """A hub that holds repositories at one revision, at first one of them.

    files    of each repository, by path; a pair of status and error code refuses it
    asked    the paths that were asked for
    breaks   files break off half-way
    """
    files = {p.name: p.read_bytes() for p in folders["bert"].iterdir()}
    files |= {"pytorch_model.bin": b"pickle", "modeling.py": b"code", "README.md": b"text"}
    asked = []

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def respond(self, status: int, body: bytes, **headers: str) -> None:
            self.send_response(status)
            commit = {"X-Repo-Commit": REVISION} if server.commit else {}
            headers = (
                {"Content-Length": str(len(body))}
                | commit
                | {key.replace("_", "-"): value for key, value in headers.items()}
            )
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
            name = "/".join(path.removeprefix("/api/models").split("/")[1:3])
            files = server.files.get(name, (401, "RepoNotFound"))
            api, resolve = f"/api/models/{name}", f"/{name}/resolve/{REVISION}/"
            if isinstance(files, tuple):
                self.respond(files[0], b"", X_Error_Code=files[1])
            elif path == f"{api}/tree/{REVISION}":
                tree = [
                    {"type": "file", "path": n, "size": len(b), "oid": hashlib.sha1(b).hexdigest()}
                    for n, b in files.items()
                ]
                self.respond(200, json.dumps(tree).encode(), Content_Type="application/json")
            elif path.startswith(resolve) and path.removeprefix(resolve) in files:
                body = files[path.removeprefix(resolve)]
                self.respond(200, body, ETag=f'"{hashlib.sha1(body).hexdigest()}"')
            elif REVISION in path:
                self.respond(404, b"", X_Error_Code="EntryNotFound")
            else:
                self.respond(404, b"", X_Error_Code="RevisionNotFound")

        do_HEAD = do_GET

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.asked, server.breaks, server.files = asked, False, {REPOSITORY: files}
    server.commit = True
    threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()
    yield server
    server.shutdown()
    server.server_close()


def fetch(
    server, tmp_path: Path, offline: bool = False, patient: bool = True, **changes
) -> subprocess.CompletedProcess:
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
    environment = hub_client(f"http://127.0.0.1:{server.server_port}", tmp_path)
    environment |= {"HF_HUB_OFFLINE": "1"} if offline else {}
    arguments = [json.dumps(entry), str(ROOT / "params.yaml"), *(() if patient else ["impatient"])]
    return subprocess.run(
        [ready_python.python(), "-c", SCRIPT, *arguments],
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


def test_an_unknown_commit(params, hub, tmp_path):
    line = error(fetch(hub, tmp_path, revision="f" * 40))
    assert line.startswith(f"error: encoders.tiny: {REPOSITORY} has no commit {'f' * 40}: ")
    assert f"/{REPOSITORY}/commits" in line


def test_a_commit_that_nobody_knows_yet(params, hub, tmp_path):
    line = error(fetch(hub, tmp_path, revision=None))
    assert line.startswith("error: encoders.tiny.revision: is null") and REPOSITORY in line
    assert "-S encoders.tiny.revision=<40 hex digits>" in line and "grid.encoders" in line
    assert not hub.asked


def test_an_unknown_repository(params, hub, tmp_path):
    line = error(fetch(hub, tmp_path, name="someone/else"))
    assert line.startswith("error: encoders.tiny: someone/else does not exist on the hub, or only")
    assert "check the name" in line and "HF_TOKEN" in line


def test_a_name_that_is_no_repository(params, hub, tmp_path):
    line = error(fetch(hub, tmp_path, name="a/b/c"))
    assert line.startswith(f"error: encoders.tiny: a/b/c at {REVISION} could not be had")


@pytest.mark.parametrize("refusal", [(403, "GatedRepo"), (401, "GatedRepo"), (403, "")])
def test_a_gated_repository(params, hub, tmp_path, refusal):
    hub.files[REPOSITORY] = refusal
    line = error(fetch(hub, tmp_path))
    assert line.startswith(f"error: encoders.tiny: {REPOSITORY} is gated: accept its terms on http")
    assert f"/{REPOSITORY}, then set HF_TOKEN" in line and "source: folder" in line


def test_a_repository_without_configuration(params, hub, tmp_path):
    del hub.files[REPOSITORY]["config.json"]
    line = error(fetch(hub, tmp_path))
    assert line.startswith(f"error: encoders.tiny: {REPOSITORY} at {REVISION} holds no config.json")


def test_the_hub_cannot_be_reached(params, hub, tmp_path):
    hub.shutdown()
    hub.server_close()
    started = time.perf_counter()
    line = error(fetch(hub, tmp_path))
    assert time.perf_counter() - started < 20  # the hub's own client goes on for 24 s
    assert line.startswith(f"error: encoders.tiny: {REPOSITORY} at {REVISION} could not be had")
    assert "HF_ENDPOINT is http" in line and "could not be reached" in line
    assert "use source: folder" in line


def test_a_mirror_that_hides_the_commit_is_named(params, hub, tmp_path):
    hub.commit = False
    line = error(fetch(hub, tmp_path))
    assert f"HF_ENDPOINT is http://127.0.0.1:{hub.server_port}, which does not say which" in line
    assert "unset HF_ENDPOINT" in line and "check the network" not in line


@pytest.mark.parametrize("address", ["mirror.example", "https//mirror.example", ""])
def test_an_endpoint_that_is_no_address_is_named(params, hub, tmp_path, monkeypatch, address):
    client = hub_client(address, tmp_path)
    monkeypatch.setattr("test_hub.hub_client", lambda *_: client)
    line = error(fetch(hub, tmp_path))
    assert line.startswith(f"error: HF_ENDPOINT: {address!r} is not an address; expected one such")
    assert not hub.asked


def test_offline(params, hub, tmp_path):
    line = error(fetch(hub, tmp_path, offline=True))
    assert line.startswith("error: encoders.tiny: HF_HUB_OFFLINE is set, and the hub's cache")
    assert not hub.asked
    assert fetch(hub, tmp_path).returncode == 0
    hub.asked.clear()
    assert fetch(hub, tmp_path, offline=True).returncode == 0  # from the hub's cache on disk
    assert not hub.asked


def test_a_connection_that_breaks_off(params, hub, tmp_path):
    hub.breaks = True
    line = error(fetch(hub, tmp_path, patient=False), attempts=True)
    assert line.startswith(f"error: encoders.tiny: {REPOSITORY} at {REVISION} could not be had")
    hub.breaks = False
    assert fetch(hub, tmp_path).returncode == 0


def test_pickled_weights_alone(params, hub, tmp_path):
    """The oldest repositories: their configuration does not even name the architecture."""
    files = hub.files[REPOSITORY]
    del files["model.safetensors"]
    config = json.loads(files["config.json"])
    del config["model_type"]
    files["config.json"] = json.dumps(config).encode()
    line = error(fetch(hub, tmp_path))
    assert line.startswith(f"error: encoders.tiny: {REPOSITORY} holds no model.safetensors, and")
    assert "pickled weights are not loaded" in line
    assert f"BertModel as M; M.from_pretrained('{REPOSITORY}', revision='{REVISION}')" in line
    assert "-S encoders.tiny.source=folder -S encoders.tiny.name=models/tiny" in line
    assert not any(path.endswith(".bin") for path in hub.asked)


def test_the_shards_of_an_index_and_nothing_else(params, folders, hub, tmp_path):
    names = write_shards(folders["bert"], tmp_path / "shards")
    files = hub.files[REPOSITORY]
    files |= {p.name: p.read_bytes() for p in (tmp_path / "shards").iterdir()}
    del files["model.safetensors"]
    files |= {"original/model.safetensors": b"other", "consolidated.safetensors": b"other"}
    files |= {"original/config.json": b"{}", "model.Q4.gguf": b"other"}
    done = fetch(hub, tmp_path)
    assert done.returncode == 0, done.stderr
    kept = {p.name for p in Path("checkpoints/tiny").iterdir()} - {"source.json"}
    assert kept == {"config.json", "tokenizer.json", "model.safetensors.index.json", *names}
    asked = {path.rpartition(f"resolve/{REVISION}/")[2] for path in hub.asked if "resolve" in path}
    assert asked == kept


def test_a_tokenizer_from_elsewhere(params, folders, hub, tmp_path):
    theirs = (folders["roberta"] / "tokenizer.json").read_bytes()
    other = {"name": "someone/words", "revision": REVISION}
    line = error(fetch(hub, tmp_path, tokenizer=other))
    assert line.startswith("error: encoders.tiny.tokenizer: someone/words does not exist")
    hub.files["someone/words"] = {"config.json": b"{}", "tokenizer.json": theirs}
    hub.files["someone/words"]["model.safetensors"] = b"not wanted"
    done = fetch(hub, tmp_path, tokenizer=other)
    assert done.returncode == 0, done.stderr
    assert Path("checkpoints/tiny/tokenizer.json").read_bytes() == theirs
    assert not any("words" in path and "model" in path.rpartition("/")[2] for path in hub.asked)


def test_weights_are_not_stored_twice(params, hub, tmp_path):
    assert fetch(hub, tmp_path).returncode == 0
    ours = Path("checkpoints/tiny/model.safetensors")
    (theirs,) = (tmp_path / "hub").rglob("model.safetensors")
    assert ours.samefile(theirs) and not ours.is_symlink()
