"""A project of profile mind-small beside a hub that holds all it wants, as tiny stand-ins."""

import contextlib
import copy
import functools
import json
import shutil
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest
import quick_yaml
import ready_python
from standin_hub import Repository, StandIn, archive, mind_repository, paper_models, pin_stand_ins
from web import ROOT, hub_client, serving

from replication.mind.prepare import prepare
from replication.study.compose import compose

sys.path += [str(ROOT / "tests/mind"), str(ROOT / "tests/encoders")]  # whose tiny files are used
from files import write_tiny_mind
from small import write_bert
from zips import pinned, write_pins, write_zips

MIND, GATED = "someone/news", "someone/gated"
SCRIPT = """
import os, sys, time
from pathlib import Path
sleep = time.sleep
time.sleep = lambda seconds: sleep(min(seconds, 0.01))  # between attempts to reach the hub
from huggingface_hub import constants
from replication.pipeline.preflight import downloads
constants.DOWNLOAD_CHUNK_SIZE = 64
downloads.TIMEOUT = 4.0
if "UNPLANNED" in os.environ:
    from replication.files.errors import StudyError
    from replication.pipeline.preflight import machine
    def plan(*_):
        raise StudyError("not planned")
    machine.plan = plan
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
        """A command in a process of its own, where the hub's address is read on import. UNPLANNED:
        without the plan of the study, which takes seconds, and what is told of it."""
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
        return list(json.loads((self.folder / "params.yaml").read_text())["encoders"])


@pytest.fixture(scope="session")
def unserved(tmp_path_factory) -> Callable[[str | None], tuple[Path, dict[str, Repository]]]:
    """Of a choice of encoders a folder with `study` and `zips`, made once, and its repositories:
    what is alike wherever the hub is. Tests must not change them."""

    @functools.cache
    def made(groups: str | None) -> tuple[Path, dict[str, Repository]]:
        folder = tmp_path_factory.mktemp("unserved")
        study = folder / "study"
        study.mkdir()
        shutil.copy(ROOT / "dvc.yaml", study)
        shutil.copytree(ROOT / "conf", study / "conf")
        raw = write_tiny_mind(folder / "mind")
        zips = write_zips(raw, folder / "zips")
        also = [{"repository": GATED, "page": "https://example.org/gated"}]
        write_pins(study / "pins.yaml", pinned(zips, raw), repository=MIND, also=also)
        prepare(raw, study / "data/prepared")
        chosen = [f"encoders={groups}"] if groups else []
        with contextlib.chdir(study):
            compose(["profile=mind-small", "data.path=pins.yaml", *chosen], Path("params.yaml"))
        params = quick_yaml.load((study / "params.yaml").read_text(encoding="utf-8"))
        (study / "params.yaml").write_text(json.dumps(params), encoding="utf-8")  # JSON is YAML
        write_bert(folder / "bert")
        repositories = paper_models(
            params["encoders"], (folder / "bert/tokenizer.json").read_bytes()
        )
        repositories[f"datasets/{MIND}"] = mind_repository(zips)
        repositories[f"datasets/{GATED}"] = mind_repository(zips)
        repositories[f"datasets/{GATED}"].gated = True
        return folder, repositories

    return made


@pytest.fixture
def project(unserved, tmp_path, monkeypatch, request):
    """Profile mind-small, with the registry's digests replaced by those of the stand-ins."""
    made, repositories = unserved(getattr(request, "param", None))
    for name in ("study", "zips"):
        shutil.copytree(made / name, tmp_path / name)
    folder = tmp_path / "study"
    monkeypatch.chdir(folder)
    hub = StandIn(copy.deepcopy(repositories))
    hub.archives = {"/data/glove.840B.300d.zip": archive()}
    with serving(hub.answer) as address:
        params = json.loads(Path("params.yaml").read_text(encoding="utf-8"))
        pin_stand_ins(params, hub, address)
        Path("params.yaml").write_text(json.dumps(params), encoding="utf-8")
        yield Project(folder, hub, address, tmp_path / "home")
