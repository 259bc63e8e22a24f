"""docs/faults.md names tests that are there, and what it says about loading files is so."""

import ast
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
TABLE = (ROOT / "docs" / "faults.md").read_text()
NAMED = sorted(set(re.findall(r"`([\w/]+\.py)::([\w:]+)`", TABLE)))
FOLDERS = ("segan_ros", "benchmark", "tools", "launch")
SOURCES = [path for folder in FOLDERS for path in ROOT.glob(f"{folder}/**/*.py")]

UNPICKLERS = {"pickle", "_pickle", "cPickle", "dill", "cloudpickle", "joblib", "shelve", "marshal"}
REFUSED = {
    *("eval", "exec", "os.system", "os.popen", "pickle.load", "pickle.loads", "torch.jit.load"),
    *("yaml.load", "yaml.load_all", "yaml.full_load", "yaml.unsafe_load"),
}
SAFE_WITH = {
    "np.load": ("allow_pickle", False),
    "numpy.load": ("allow_pickle", False),
    "torch.load": ("weights_only", True),
}


def names_in(path):
    """Names as pytest has them, without parameters."""
    found = set()
    for node in ast.parse(path.read_text()).body:
        if isinstance(node, ast.FunctionDef):
            found.add(node.name)
        elif isinstance(node, ast.ClassDef):
            found |= {f"{node.name}::{f.name}" for f in node.body if isinstance(f, ast.FunctionDef)}
    return found


def dangers(source):
    """What in a piece of Python could run code that a file brings along."""
    found = []
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            found += [a.name for a in node.names if a.name.partition(".")[0] in UNPICKLERS]
        elif isinstance(node, ast.ImportFrom) and node.module in UNPICKLERS:
            found.append(node.module)
        elif isinstance(node, ast.Call):
            called = ast.unparse(node.func)
            given = {k.arg: k.value for k in node.keywords}
            key, value = SAFE_WITH.get(called, ("", None))
            if called in REFUSED or (key and ast.unparse(given.get(key, node)) != str(value)):
                found.append(called)
            if "shell" in given:
                found.append(f"{called}(shell=)")
    return found


def test_every_test_in_the_table_exists():
    missing = [f"{f}::{n}" for f, n in NAMED if n not in names_in(ROOT / "test" / f)]
    assert len(NAMED) > 40 and missing == []


def test_every_row_of_the_table_has_a_test():
    rows = [r for r in TABLE.splitlines() if r.startswith("| ") and "---" not in r]
    without = [r for r in rows if "::" not in r and not r.rstrip(" |").endswith("Test")]
    assert len(rows) > 40 and without == []


def test_nothing_is_loaded_that_could_run_code():
    found = {p.relative_to(ROOT).as_posix(): dangers(p.read_text()) for p in SOURCES}
    assert len(found) > 50 and not {path: what for path, what in found.items() if what}


@pytest.mark.parametrize(
    "source",
    [
        "import pickle",
        "from joblib import load",
        "torch.load(path)",
        "torch.load(path, weights_only=False)",
        "np.load(path)",
        "np.load(path, allow_pickle=True)",
        "yaml.load(text, Loader)",
        "eval(text)",
        "subprocess.run(text, shell=True)",
    ],
)
def test_dangerous_loading_would_be_found(source):
    assert dangers(source)


def test_no_request_names_a_file():
    requests = [p.read_text().partition("---")[0] for p in (ROOT / "srv").glob("*.srv")]
    assert len(requests) == 2
    texts = [n for r in requests for n in re.findall(r"^\s*w?string\S*\s+(\w+)", r, re.MULTILINE)]
    assert texts == ["target"]  # a class or a track of the frame
