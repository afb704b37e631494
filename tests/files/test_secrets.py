"""A token in HF_TOKEN goes to the hub it is for, and into no file, no output and no error."""

import hashlib
import json
import shutil
import subprocess
from dataclasses import dataclass, field
from pathlib import Path

import pytest
import ready_python
from web import Answer, hub_client, serving

from replication.__main__ import main

TOKEN = "hf_aSecretThatNobodyElseMaySee0123456789"
REPOSITORY, REVISION = "someone/tiny-bert", "0123456789abcdef0123456789abcdef01234567"
SCRIPT = """
import sys, time
from replication.__main__ import main
time.sleep = lambda _: None  # between attempts to reach the hub
sys.exit(main(sys.argv[1:]))
"""


@dataclass
class Hub:
    """A hub with one repository; `told` lists the host and the token of each request.

    refuses     status and error code instead of an answer
    elsewhere   the address of another server, to which the weights are redirected
    """

    files: dict[str, bytes]
    told: list[tuple[str, str | None]] = field(default_factory=list)
    refuses: tuple[int, str] | None = None
    elsewhere: str | None = None

    def answer(self, path: str, headers) -> Answer:
        self.told.append((headers["Host"], headers["Authorization"]))
        path = path.partition("?")[0]
        name = path.rpartition(f"/resolve/{REVISION}/")[2]
        common = {"X-Repo-Commit": REVISION}
        if self.refuses:
            return Answer(self.refuses[0], b"", common | {"X-Error-Code": self.refuses[1]})
        if path == f"/api/models/{REPOSITORY}/tree/{REVISION}":
            tree = [
                {"type": "file", "path": n, "size": len(b), "oid": hashlib.sha1(b).hexdigest()}
                for n, b in self.files.items()
            ]
            return Answer(200, json.dumps(tree).encode(), {"Content-Type": "application/json"})
        if name not in self.files:
            return Answer(404, b"", common | {"X-Error-Code": "EntryNotFound"})
        body = self.files[name]
        common["ETag"] = f'"{hashlib.sha256(body).hexdigest()}"'
        if self.elsewhere and name == "model.safetensors":
            linked = {"X-Linked-ETag": common["ETag"], "X-Linked-Size": str(len(body))}
            common |= linked | {"Location": f"{self.elsewhere}{path}"}
            return Answer(302, b"", common)
        return Answer(200, body, common)


@pytest.fixture
def scratch(project_folder, tmp_path, monkeypatch) -> Path:
    """The tiny project, in which an encoder `tiny` comes from the hub and data from another one."""
    from replication.files.documents import read_yaml

    folder = tmp_path / "project"
    shutil.copytree(project_folder, folder)
    monkeypatch.chdir(folder)
    params = read_yaml(Path("params.yaml"))
    params["encoders"]["tiny"] = params["encoders"]["minilm"] | {
        "source": "hub",
        "name": REPOSITORY,
        "revision": REVISION,
    }
    Path("params.yaml").write_text(json.dumps(params), encoding="utf-8")
    return folder


@pytest.fixture
def hub(scratch) -> Hub:
    return Hub({path.name: path.read_bytes() for path in Path("bert").iterdir()})


def fetch(
    address: str, folder: Path, token: str = TOKEN, **settings: str
) -> subprocess.CompletedProcess:
    """`checkpoint tiny` in a process of its own, which reads the token and the hub's address."""
    return subprocess.run(
        [ready_python.python(), "-c", SCRIPT, "checkpoint", "tiny"],
        env=hub_client(address, folder.parent) | {"HF_TOKEN": token} | settings,
        capture_output=True,
        text=True,
        timeout=120,
    )


def holding(folder: Path, *secrets: str) -> list[str]:
    """The files below `folder` in which a secret stands, or whose name holds it."""
    found = []
    for path in folder.rglob("*"):
        content = path.read_bytes() if path.is_file() else b""
        if any(s.encode() in content or s in path.name for s in secrets):
            found.append(str(path))
    return found


def test_a_download_with_a_token(hub, scratch):
    with serving(hub.answer) as address:
        done = fetch(address, scratch)
    assert done.returncode == 0, done.stderr
    assert {token for _, token in hub.told} == {f"Bearer {TOKEN}"}  # it was used
    assert TOKEN not in done.stdout + done.stderr
    assert holding(scratch.parent, TOKEN) == []  # the project, and the hub's cache beside it


def test_a_redirection_elsewhere_does_not_take_the_token_along(hub, scratch):
    other = Hub(hub.files)
    with serving(hub.answer) as address, serving(other.answer) as hub.elsewhere:
        done = fetch(address, scratch)
    assert done.returncode == 0, done.stderr
    assert other.told and {token for _, token in other.told} == {None}
    assert f"Bearer {TOKEN}" in {token for _, token in hub.told}
    assert TOKEN not in done.stdout + done.stderr and holding(scratch.parent, TOKEN) == []


@pytest.mark.slow
@pytest.mark.parametrize(
    ("refusal", "words"),
    [
        ((401, "GatedRepo"), "is gated: accept its terms"),
        ((401, "RepoNotFound"), "does not exist on the hub, or only for some accounts"),
        ((403, ""), "is gated: accept its terms"),
        ((404, "RevisionNotFound"), "has no commit"),
        ((400, ""), "could not be had from the hub"),
    ],
)
@pytest.mark.parametrize("settings", [{}, {"HF_DEBUG": "1"}], ids=["", "debugging"])
def test_a_refusal(hub, scratch, refusal, words, settings):
    hub.refuses = refusal
    with serving(hub.answer) as address:
        done = fetch(address, scratch, **settings)
    assert done.returncode == 1 and words in done.stderr.splitlines()[-1]
    assert hub.told[0][1] == f"Bearer {TOKEN}"
    assert TOKEN not in done.stdout + done.stderr and holding(scratch.parent, TOKEN) == []


@pytest.mark.slow
@pytest.mark.parametrize(
    "token", [f"{TOKEN[:9]}\t{TOKEN[9:]}\x01", f"{TOKEN}é", f"{TOKEN[:9]} {TOKEN[9:]}", f"ł{TOKEN}"]
)
def test_a_token_that_is_none(hub, scratch, token):
    """A client refuses to send a damaged token, and likes to say what it refused."""
    with serving(hub.answer) as address:
        done = fetch(address, scratch, token)
    told = done.stdout + done.stderr
    assert "Traceback" not in told and TOKEN[9:] not in told
    assert holding(scratch.parent, TOKEN[9:]) == []


def test_the_hub_cannot_be_reached(hub, scratch):
    with serving(hub.answer) as address:
        pass
    done = fetch(address, scratch)
    assert done.returncode == 1 and "which could not be reached" in done.stderr
    assert TOKEN not in done.stdout + done.stderr and holding(scratch.parent, TOKEN) == []


def test_what_a_run_writes_down(scratch, monkeypatch, capfd):
    """Parameters, libraries, hardware: nothing of the environment."""
    monkeypatch.setenv("HF_TOKEN", TOKEN)
    assert main(["run", "nrms-static-frozen-clean-s1"]) == 0
    assert main(["compare"]) == 0
    for command in (["baselines"], ["run", "nrms-static-frozen-none-s1"]):
        main(command)
    told = capfd.readouterr()
    assert Path("reports/runs/nrms-static-frozen-clean-s1/run.json").is_file()
    assert TOKEN not in told.out + told.err and holding(scratch.parent, TOKEN) == []
