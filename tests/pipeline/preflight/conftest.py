"""A project of profile mind-small beside a hub that holds all it wants, as tiny stand-ins."""

import json
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest
import ready_python
import yaml
from standin_hub import StandIn, archive, mind_repository, paper_models, pin_stand_ins
from web import ROOT, hub_client, serving

from replication.mind.prepare import prepare
from replication.study.compose import compose

sys.path += [str(ROOT / "tests/mind"), str(ROOT / "tests/encoders")]  # whose tiny files are used
from files import write_tiny_mind
from small import write_bert
from zips import pinned, write_pins, write_zips

MIND, GATED = "someone/news", "someone/gated"
SCRIPT = """
import sys, time
from pathlib import Path
sleep = time.sleep
time.sleep = lambda seconds: sleep(min(seconds, 0.01))  # between attempts to reach the hub
from huggingface_hub import constants
from replication.pipeline.preflight import downloads
constants.DOWNLOAD_CHUNK_SIZE = 64
downloads.TIMEOUT = 4.0
from replication import __main__ as main
sys.exit(main.main(sys.argv[1:]))
"""


@dataclass
class Project:
    """A folder to run commands in, and its hub."""

    folder: Path
    hub: StandIn
    address: str
    home: Path

    def run(self, *command: str, **settings: str) -> subprocess.CompletedProcess:
        """A command in a process of its own, where the hub's address is read on import."""
        environment = hub_client(self.address, self.home) | settings
        return subprocess.run(
            [ready_python.python(), "-c", SCRIPT, *command],
            env={k: v for k, v in environment.items() if v},
            cwd=self.folder,
            capture_output=True,
            text=True,
            timeout=200,
        )

    @property
    def encoders(self) -> list[str]:
        return list(yaml.safe_load((self.folder / "params.yaml").read_text())["encoders"])


@pytest.fixture
def project(tmp_path, monkeypatch, request):
    """Profile mind-small, with the registry's digests replaced by those of the stand-ins."""
    groups = getattr(request, "param", None)
    folder = tmp_path / "study"
    folder.mkdir()
    shutil.copy(ROOT / "dvc.yaml", folder)
    shutil.copytree(ROOT / "conf", folder / "conf")
    monkeypatch.chdir(folder)
    raw = write_tiny_mind(tmp_path / "mind")
    zips = write_zips(raw, tmp_path / "zips")
    also = [{"repository": GATED, "page": "https://example.org/gated"}]
    write_pins(folder / "pins.yaml", pinned(zips, raw), repository=MIND, also=also)
    prepare(raw, folder / "data/prepared")

    chosen = [f"encoders={groups}"] if groups else []
    compose(["profile=mind-small", "data.path=pins.yaml", *chosen], Path("params.yaml"))
    params = yaml.safe_load(Path("params.yaml").read_text(encoding="utf-8"))
    write_bert(tmp_path / "bert")
    tokenizer = (tmp_path / "bert/tokenizer.json").read_bytes()
    hub = StandIn(paper_models(params["encoders"], tokenizer))
    hub.archives = {"/data/glove.840B.300d.zip": archive()}
    hub.repositories[f"datasets/{MIND}"] = mind_repository(zips)
    hub.repositories[f"datasets/{GATED}"] = mind_repository(zips)
    hub.repositories[f"datasets/{GATED}"].gated = True
    with serving(hub.answer) as address:
        pin_stand_ins(params, hub, address)
        Path("params.yaml").write_text(json.dumps(params), encoding="utf-8")  # JSON is YAML
        yield Project(folder, hub, address, tmp_path / "home")
