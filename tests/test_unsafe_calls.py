"""No file of the package runs what it reads: no pickle, no unsafe YAML, no code of others."""

import ast
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
SOURCES = [ROOT / "app.py", *sorted((ROOT / "replication").rglob("*.py"))]

MODULES = {
    "pickle",
    "cPickle",
    "_pickle",
    "dill",
    "cloudpickle",
    "joblib",
    "shelve",
    "marshal",
    "imp",
}
NAMES = {"eval", "exec", "compile", "__import__"}
# By their last names, whatever the module is called where it is imported.
CALLS = {
    "torch": {"load", "save"}, "os": {"system", "popen"}, "yaml": {"unsafe_load", "full_load", "load_all"},
    "zipfile": {"extract", "extractall"}, "tarfile": {"open"}, "shutil": {"unpack_archive"},
    "np": {"loads", "fromregex"}, "numpy": {"loads"}, "hub": {"load"}, "tempfile": {"mktemp"},
}  # fmt: skip
METHODS = {"extractall", "read_pickle", "to_pickle", "unpack_archive"}
FORBIDDEN = {("allow_pickle", True), ("trust_remote_code", True), ("shell", True), ("weights_only", False),
             ("use_safetensors", False), ("verify", False)}  # fmt: skip


def dangers(source: str) -> list[str]:
    """What of a module's text may run what it reads, by line."""
    found = []

    def tell(node: ast.AST, what: str) -> None:
        found.append(f"line {node.lineno}: {what}")

    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import | ast.ImportFrom):
            names = [alias.name for alias in node.names]
            names += [node.module or ""] if isinstance(node, ast.ImportFrom) else []
            for name in names:
                if name.partition(".")[0] in MODULES:
                    tell(node, name)
        if not isinstance(node, ast.Call):
            continue
        function, keywords = node.func, {k.arg: k.value for k in node.keywords}
        name = function.id if isinstance(function, ast.Name) else getattr(function, "attr", "")
        owner = function.value if isinstance(function, ast.Attribute) else None
        owner = getattr(owner, "id", getattr(owner, "attr", ""))
        if (isinstance(function, ast.Name) and name in NAMES) or name in METHODS:
            tell(node, name)
        if name in CALLS.get(owner, ()) and not _is_restricted(owner, name, keywords):
            tell(node, f"{owner}.{name}")
        for keyword, value in FORBIDDEN:
            given = keywords.get(keyword)
            if isinstance(given, ast.Constant) and given.value is value:
                tell(node, f"{keyword}={value}")
        if owner in ("np", "numpy") and name == "load" and "allow_pickle" not in keywords:
            tell(node, "np.load without allow_pickle=False")
        if owner in ("np", "numpy") and name == "save" and "allow_pickle" not in keywords:
            tell(node, "np.save without allow_pickle=False")
        if owner == "yaml" and name == "load":
            loader = keywords.get("Loader", node.args[1] if len(node.args) > 1 else None)
            if loader is None or not _is_safe(source, loader):
                tell(node, "yaml.load without a safe loader")
        if name == "YAML" and getattr(keywords.get("typ"), "value", None) != "safe":
            tell(node, "YAML() that is not safe")
        if (
            name == "from_pretrained"
            and owner.startswith("Auto")
            and "trust_remote_code" not in keywords
        ):
            tell(node, f"{owner}.from_pretrained without trust_remote_code=False")
    return found


def _is_restricted(owner: str, name: str, keywords: dict[str, ast.expr]) -> bool:
    """Whether a call of torch.load makes tensors and plain containers alone."""
    restricted = getattr(keywords.get("weights_only"), "value", None) is True
    return (owner, name) == ("torch", "load") and restricted


def _is_safe(source: str, loader: ast.expr) -> bool:
    """Whether a loader is yaml's safe one, or a name of the module for it or what derives from it."""
    name = ast.unparse(loader)
    if name.rpartition(".")[2] in ("SafeLoader", "CSafeLoader"):
        return True
    defined: list[ast.expr] = []
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.ClassDef) and node.name == name:
            defined += node.bases
        if isinstance(node, ast.AnnAssign) and ast.unparse(node.target) == name and node.value:
            # `getattr(yaml, "CSafeLoader", yaml.SafeLoader)`: each that it may be
            called = re.findall(r"\w*Loader", ast.unparse(node.value))
            defined += [ast.Name(one) for one in called]
    return bool(defined) and all(_is_safe(source, one) for one in defined)


@pytest.mark.parametrize("path", SOURCES, ids=lambda path: path.relative_to(ROOT).as_posix())
def test_no_module_runs_what_it_reads(path):
    assert dangers(path.read_text(encoding="utf-8")) == []


def test_pickled_weights_are_read_in_one_place_a_script_that_imports_nothing_of_ours():
    reading = [path for path in SOURCES if "torch.load(" in path.read_text(encoding="utf-8")]
    assert [path.name for path in reading] == ["unpickling.py"]
    assert "replication" not in reading[0].read_text(encoding="utf-8")


@pytest.mark.parametrize(
    "line",
    [
        "import pickle", "from pickle import load", "import a, marshal", "import joblib.parallel",
        "eval(text)", "exec(text)", "__import__(name)", "torch.load(path)", "torch.hub.load('a/b', 'c')",
        "torch.load(path, weights_only=False)", "torch.load(path, weights_only=given)", "np.load(path)", "np.load(path, allow_pickle=True)",
        "np.save(path, values)", "yaml.load(text, Loader=yaml.Loader)", "yaml.load(text)",
        "yaml.unsafe_load(text)", "yaml.full_load(text)", "YAML(typ='unsafe')", "YAML()", "pl.read_pickle(path)",
        "AutoModel.from_pretrained(path)", "AutoModel.from_pretrained(path, trust_remote_code=True)",
        "subprocess.run(command, shell=True)", "os.system(command)", "os.popen(command)", "opened.extractall()",
        "shutil.unpack_archive(path)", "requests.get(url, verify=False)", "kind.f(use_safetensors=False)",
    ],
)  # fmt: skip
def test_the_check_sees_what_it_is_for(line):
    assert dangers(line)


@pytest.mark.parametrize(
    "line",
    ["model.eval()", "torch.load(path, weights_only=True)", "np.load(path, allow_pickle=False)", "yaml.load(text, yaml.SafeLoader)", "re.compile(x)",
     "yaml.safe_load(text)", "YAML(typ='safe', pure=True)", "subprocess.run(command)", "json.load(file)"],
)  # fmt: skip
def test_the_check_lets_pass_what_is_safe(line):
    assert dangers(line) == []
