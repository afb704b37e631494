"""All eight models of the paper, from a hub with the real file lists, with nothing left to do."""

import json

import pytest
from standin_hub import TOKEN, Repository

MINIS = ("bert-tiny", "bert-mini", "bert-small", "bert-medium")


def fetched(project, name: str, **settings: str) -> dict:
    """What stage `checkpoint` leaves of an encoder: source.json."""
    done = project.run("checkpoint", name, **settings)
    assert done.returncode == 0, done.stderr
    told = [line for line in done.stderr.splitlines() if line.startswith("warning")]
    assert len(told) == (1 if name == "bert-small" else 0), told  # the one digest not known
    folder = project.folder / "checkpoints" / name
    return json.loads((folder / "source.json").read_text(encoding="utf-8"))


@pytest.mark.slow
@pytest.mark.parametrize("project", [None, "[published,llama-mirror]"], indirect=True)
def test_all_eight_resolve_and_load_their_bytes(project, request):
    """Llama with a token, or from its open copy without one."""
    mirrored = "llama-mirror" in request.node.name
    settings = {} if mirrored else {"HF_TOKEN": TOKEN}
    params = json.loads((project.folder / "params.yaml").read_text(encoding="utf-8"))
    assert len(project.encoders) == 8
    for name in project.encoders:
        origin = fetched(project, name, **settings)
        assert origin["name"] == params["encoders"][name]["name"]
        assert ("pickled" in origin) == (name in MINIS)
        if name in MINIS:
            assert {*origin["sha256"]} == {"config.json", "model.safetensors", "tokenizer.json"}
            folder = project.folder / "checkpoints" / name
            assert json.loads((folder / "config.json").read_text())["model_type"] == "bert"
        if name == "llama-8b-instruct":
            assert origin["name"].startswith("NousResearch" if mirrored else "meta-llama")
            assert sum(f.endswith(".safetensors") for f in origin["sha256"]) == 4
    unwanted = ("h5", "onnx", "pth", "py", "md")
    asked = {path for path, _ in project.hub.asked if "/resolve/" in path}
    assert not any(path.endswith(unwanted) for path in asked)
    assert project.hub.tokens == ({f"Bearer {TOKEN}"} if settings else set())
    for path in project.folder.rglob("*"):
        assert not path.is_file() or TOKEN.encode() not in path.read_bytes()


def test_a_gated_llama_says_what_can_be_done(project):
    done = project.run("checkpoint", "llama-8b-instruct")
    line = done.stderr.strip().splitlines()[-1]
    assert done.returncode == 1 and "is gated: accept its terms on" in line
    assert "-S 'encoders=[published,llama-mirror]'" in line
    assert "Llama 3.1 Community License" in done.stdout


def test_glove_comes_from_its_second_address(project):
    files = {"glove.840B.300d.zip": project.hub.archives["/data/glove.840B.300d.zip"]}
    project.hub.down = {"/data/*"}
    project.hub.repositories["stanfordnlp/glove"] = Repository(
        files, "1db2080b2d94def6e5b0386a523102f9d8849e9d"
    )
    done = project.run("checkpoint", "glove", HF_TOKEN=TOKEN)
    assert done.returncode == 0, done.stderr
    assert f"warning: encoders.glove: {project.address}/data/glove" in done.stderr
    assert " is left: " in done.stderr and not project.hub.tokens  # no token for an open file


def test_glove_that_is_nowhere_names_each_address(project):
    project.hub.down = {"/data/*"}
    done = project.run("checkpoint", "glove")
    line = done.stderr.strip().splitlines()[-1]
    assert done.returncode == 1 and line.startswith("error: encoders.glove: glove.840B.300d.zip")
    assert "stanfordnlp/glove" in line and "kcz358/glove" in line and "/data/glove" in line
