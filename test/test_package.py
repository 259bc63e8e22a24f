"""The package's own papers agree with each other, and it can be installed and called."""

import argparse
import os
import re
import runpy
import subprocess
import sys
from importlib import import_module
from pathlib import Path
from types import ModuleType

import pytest

from segan_ros.commands import main as cli
from segan_ros.frame import Evidence
from segan_ros.host.resources import resource_path

ROOT = Path(__file__).parents[1]
INTERFACES = sorted([*ROOT.glob("msg/*.msg"), *ROOT.glob("srv/*.srv")])


def version() -> str:
    match = re.search(r"<version>(.+)</version>", (ROOT / "package.xml").read_text())
    assert match
    return match[1]


def test_last_release_in_the_changelog_is_the_version_of_package_xml():
    headings = re.findall(r"^## (\S+)", (ROOT / "CHANGELOG.md").read_text(), re.MULTILINE)
    assert next(h for h in headings if h != "Unreleased") == version()


def test_foreign_pythonpath_does_not_reach_the_installed_command(tmp_path):
    command = Path(sys.prefix) / "bin" / "segan"
    template = (ROOT / "tools" / "executable.py.in").read_text()
    body = template.replace("@module@", "segan_ros.commands.main").partition("\n")[2]
    if not command.exists() or command.read_text().partition("\n")[2] != body:
        pytest.skip(f"{command} was not made by ./run")
    for name in ("numpy", "yaml", "segan_ros"):
        (tmp_path / f"{name}.py").write_text("raise ImportError('of another Python')")
    environment = os.environ | {"PYTHONPATH": str(tmp_path)}
    done = subprocess.run(
        [command, "complete", "--help"],
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr


def test_package_xml_is_accepted_by_catkin_pkg():
    package = pytest.importorskip("catkin_pkg.package").parse_package(str(ROOT / "package.xml"))
    assert package.name == "segan_ros"
    assert package.get_build_type() == "ament_cmake"
    assert package.licenses == ["Apache-2.0"]


def test_every_file_of_trees_is_installed(monkeypatch):
    told = {}
    monkeypatch.setattr("setuptools.setup", lambda **options: told.update(options))
    runpy.run_path(str(ROOT / "setup.py"))
    installed = {
        path
        for package, patterns in told["package_data"].items()
        for pattern in patterns
        for path in (ROOT / package.replace(".", "/")).glob(pattern)
    }
    trees = set(ROOT.glob("segan_ros/**/*.npz"))
    assert {"edge_trees.npz", "lift_trees.npz"} <= {path.name for path in trees}
    assert trees <= installed


def test_every_imported_ros_package_is_declared():
    sources = [*ROOT.glob("segan_ros/**/*.py"), *ROOT.glob("launch/*.py")]
    ros = r"^\s*(?:from|import) (\w+_(?:msgs|srvs|interfaces)|rclpy|launch\w*|cv_bridge|tf_\w+)"
    imported = {name for path in sources for name in re.findall(ros, path.read_text(), re.M)}
    declared = re.findall(r"<(?:exec_)?depend>(\w+)<", (ROOT / "package.xml").read_text())
    assert imported <= set(declared)


def test_every_interface_is_built():
    built = re.findall(r"^  ((?:msg|srv)/\w+\.\w+)$", (ROOT / "CMakeLists.txt").read_text(), re.M)
    assert built == [path.relative_to(ROOT).as_posix() for path in INTERFACES]


def test_python_files_are_installed_after_the_empty_init_file_of_the_messages():
    """Lyrical installs it in `ament_package`; what comes last stays."""
    _, messages, after = (ROOT / "CMakeLists.txt").read_text().partition("\nament_package()\n")
    assert messages and {"install(FILES segan_ros/__init__.py", "install(DIRECTORY segan_ros/"} < {
        line.strip().partition(" DESTINATION")[0] for line in after.splitlines()
    }


@pytest.mark.ros
@pytest.mark.parametrize("path", INTERFACES, ids=lambda path: path.stem)
def test_built_interface_has_the_fields_of_its_file(path: Path):
    built = getattr(import_module(f"segan_ros.{path.parent.name}"), path.stem)
    parts = [built] if path.suffix == ".msg" else [built.Request, built.Response]
    for part, text in zip(parts, path.read_text().split("---\n"), strict=True):
        declared = re.findall(r"^[\w/]+(?:\[\])? ([a-z]\w*)(?:\s|$)", text, re.MULTILINE)
        assert list(part.get_fields_and_field_types()) == declared


@pytest.mark.ros
def test_evidence_bits_are_those_of_the_contract():
    from segan_ros.msg import OcclusionEdge

    bits = (e.value for e in Evidence)
    names = ("AMODAL", "DEPTH", "ORDER", "SUPPORT")
    assert [getattr(OcclusionEdge, f"EVIDENCE_{n}") for n in names] == list(bits) == [1, 2, 4, 8]


def test_checkout_finds_its_own_files():
    assert resource_path("package.xml") == ROOT / "package.xml"


def test_unknown_resource_is_named():
    with pytest.raises(FileNotFoundError, match="models/none is not part"):
        resource_path("models/none")


@pytest.mark.slow
def test_pip_install_finds_its_models(tmp_path: Path):
    """Not from this folder: what is installed must stand on its own."""
    source = tmp_path / "source"
    copied = ["package.xml", "pyproject.toml", "setup.py", "segan_ros", "README.md", "config"]
    source.mkdir()
    for name in copied:
        if (ROOT / name).exists():
            (source / name).symlink_to(ROOT / name)
    model = "models/tiny/model.yaml"
    (source / model).parent.mkdir(parents=True)
    (source / model).write_text("made for this test\n")
    (source / "README.md").exists() or (source / "README.md").write_text("")

    install = ["-m", "pip", "install", "--no-deps", "--no-build-isolation", "--quiet"]
    target = tmp_path / "target"
    subprocess.run([sys.executable, *install, "--target", target, source], check=True, timeout=300)
    find = f"from segan_ros.host.resources import resource_path; print(resource_path('{model}'))"
    found = subprocess.run(
        [sys.executable, "-c", find],
        check=True,
        cwd=tmp_path,
        env={"PYTHONPATH": str(target)},
        capture_output=True,
        text=True,
    )
    assert Path(found.stdout.strip()) == target / "share/segan_ros" / model
    for path in (ROOT / "segan_ros").rglob("*.*"):
        if path.suffix not in (".py", ".pyc"):
            assert (target / path.relative_to(ROOT)).exists(), path


@pytest.fixture
def command(monkeypatch: pytest.MonkeyPatch):
    """Call it with a function: `segan tried` runs that."""

    def install(run) -> None:
        module = ModuleType("tried")
        module.add_arguments = lambda parser: parser.add_argument("--size", type=int)
        module.run = run
        monkeypatch.setitem(sys.modules, "segan_ros.commands.tried", module)
        monkeypatch.setitem(cli.COMMANDS, "tried", "for this test")

    return install


def test_command_gets_its_arguments_and_gives_its_exit_code(command):
    command(lambda args: args.size)
    assert cli.main(["tried", "--size", "3"]) == 3


@pytest.mark.parametrize(
    ("error", "message"),
    [
        (ValueError("size is 0, must be >= 1"), "size is 0, must be >= 1"),
        (FileNotFoundError(2, "No such file or directory", "a.bag"), "a.bag: No such file or dir"),
        (ModuleNotFoundError(name="torch"), "needs torch: pip install '.[train]' in a clone"),
        (ModuleNotFoundError(name="onnxruntime"), "pip install '.[cpu]' in a clone"),
        (ModuleNotFoundError(name="rclpy.node"), "`segan tried` needs ROS 2"),
        (ModuleNotFoundError(name="rosbags"), "`segan tried` needs rosbags: pip install rosbags\n"),
        (ModuleNotFoundError(name="cv2"), "needs cv2: pip install opencv-python-headless\n"),
    ],
)
def test_user_error_is_one_line(command, capsys: pytest.CaptureFixture, error, message):
    def fail(args: argparse.Namespace) -> int:
        raise error

    command(fail)
    assert cli.main(["tried"]) == 2
    printed = capsys.readouterr().err
    assert printed.startswith("segan: error: ") and message in printed
    assert printed.count("\n") == 1
    with pytest.raises(type(error)):
        cli.main(["tried", "--debug"])


@pytest.mark.parametrize("module", ["cv2", "networkx", "rosbags", "tqdm", "yaml"])
def test_missing_dependency_is_one_line(module):
    code = f"import sys; sys.modules[{module!r}] = None\nfrom segan_ros.commands.main import main; "
    words = [sys.executable, "-c", code + "sys.exit(main(['replay', 'a.mcap']))"]
    done = subprocess.run(words, cwd=ROOT, capture_output=True, text=True, check=False)
    name = cli.PIP_NAME_OF[module]
    said = f"segan: error: `segan replay` needs {module}: pip install {name}\n"
    assert (done.stderr, done.returncode) == (said, 2)


@pytest.mark.parametrize("error", [RuntimeError("ours"), ModuleNotFoundError(name="segan_ros.x")])
def test_our_own_error_is_not_hidden(command, error):
    def fail(args: argparse.Namespace) -> int:
        raise error

    command(fail)
    with pytest.raises(type(error)):
        cli.main(["tried"])


def test_version_is_that_of_package_xml(capsys: pytest.CaptureFixture):
    with pytest.raises(SystemExit, match="0"):
        cli.main(["--version"])
    assert capsys.readouterr().out == f"segan {version()}\n"


def test_every_dependency_has_its_name_at_pip():
    text = (ROOT / "pyproject.toml").read_text().partition("[project.optional-dependencies]")[0]
    declared = set(re.findall(r'^    "([\w-]+)>=', text, re.MULTILINE))
    assert declared == set(cli.PIP_NAME_OF.values()) - {"transforms3d"}  # which ROS brings


def test_every_extra_that_an_error_names_exists():
    text = (ROOT / "pyproject.toml").read_text()
    for extra in set(cli.EXTRA_OF.values()):
        assert re.search(rf"^{extra} = \[", text, re.MULTILINE)
