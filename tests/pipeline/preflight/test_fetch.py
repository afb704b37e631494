"""`fetch` fills a folder that a machine without network works from."""

import hashlib
import json
import shutil

import pytest
from standin_hub import TOKEN, StandIn
from web import serving


def contents(folder) -> dict[str, str]:
    return json.loads((folder / "contents.json").read_text(encoding="utf-8"))["sha256"]


@pytest.mark.slow
def test_a_folder_with_everything_and_a_study_from_it(project, tmp_path):
    folder = tmp_path / "all"
    done = project.run("fetch", str(folder), HF_TOKEN=TOKEN)
    assert done.returncode == 0, done.stderr
    assert f"export HF_HOME={folder} HF_HUB_OFFLINE=1" in done.stdout
    assert "Microsoft Research License Terms" in done.stdout  # each licence is told
    assert "Llama 3.1 Community License" in done.stdout
    found = contents(folder)
    assert "downloads/glove.840B.300d.zip" in found and len(found) > 30
    for name, digest in found.items():
        assert hashlib.sha256((folder / name).read_bytes()).hexdigest() == digest
    for path in folder.rglob("*"):
        assert not path.is_file() or TOKEN.encode() not in path.read_bytes()

    moved = tmp_path / "elsewhere"
    shutil.move(folder, moved)
    project.hub.asked.clear()
    away = {"HF_HOME": str(moved), "HF_HUB_OFFLINE": "1"}
    done = project.run("preflight", "--offline", **away)
    assert "is not in the cache" not in done.stdout, done.stdout
    assert project.run("data", **away).returncode == 0
    assert (project.folder / "data/raw/train/behaviors.tsv").is_file()
    done = project.run("preflight", "--offline", **away)
    assert "| made already" in next(x for x in done.stdout.splitlines() if "| MIND-small" in x)
    for name in project.encoders:
        done = project.run("checkpoint", name, **away)
        assert done.returncode == 0, done.stderr
    assert not project.hub.asked


@pytest.mark.slow
def test_it_goes_on_where_it_stopped(project, tmp_path):
    """Without a token all but Llama comes; then, with one, that alone."""
    folder = tmp_path / "all"
    project.hub.cut = {"*/roberta-base/*/model.safetensors", "/data/glove*"}
    done = project.run("fetch", str(folder))
    assert done.returncode == 1
    line = done.stderr.strip().splitlines()[-1]
    assert line.startswith("error: fetch: 1 could not be had (encoders.llama-8b-instruct: meta-")
    assert "the same command goes on" in line
    asked = [path for path, _ in project.hub.asked]
    assert asked.count("/data/glove.840B.300d.zip") == 2 and not project.hub.cut
    assert not any("llama" in name.lower() for name in contents(folder))
    project.hub.asked.clear()
    assert project.run("fetch", str(folder), HF_TOKEN=TOKEN).returncode == 0
    files = [path for path, _ in project.hub.asked if "/resolve/" in path or "/data/" in path]
    files = [
        path for path in files if "/main/" not in path
    ]  # a branch may have moved: one question
    assert files and all("Llama" in path for path in files), files
    assert any("llama" in name.lower() for name in contents(folder))


@pytest.mark.slow
def test_other_bytes_than_the_pinned_ones_are_refused(project, tmp_path):
    project.hub.repositories["FacebookAI/roberta-base"].files["model.safetensors"] = b"other"
    done = project.run("fetch", str(tmp_path / "all"), HF_TOKEN=TOKEN)
    assert done.returncode == 1 and "encoders.roberta-base.sha256: " in done.stderr
    assert not any("roberta" in name for name in contents(tmp_path / "all"))


@pytest.mark.slow
def test_a_mirror_that_hides_the_commit_is_named(project, tmp_path):
    with serving(StandIn(project.hub.repositories).answer) as project.hub.mirror:
        done = project.run("fetch", str(tmp_path / "all"), HF_TOKEN=TOKEN)
    assert done.returncode == 1
    assert f"HF_ENDPOINT is {project.address}, which does not say which commit" in done.stderr
