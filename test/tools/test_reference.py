"""Pages that show what the code declares: they are up to date, and nothing is left out."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

from segan_ros.commands import main as cli
from tools import reference

ROOT = Path(__file__).parents[2]


@pytest.mark.parametrize("name", reference.KEPT)
def test_kept_table_is_up_to_date(name):
    page = ROOT / "docs" / reference.KEPT[name][0]
    text = page.read_text()
    assert reference.brought_up_to_date(text, name) == text, "run python tools/reference.py"


def test_outdated_table_is_mended_and_missing_marks_are_named():
    stale = "before\n<!-- parameters -->\n| outdated |\n<!-- /parameters -->\nafter\n"
    table = reference.parameters()
    assert table in reference.brought_up_to_date(stale, "parameters")
    assert "outdated" not in reference.brought_up_to_date(stale, "parameters")
    with pytest.raises(ValueError, match="must stand in the page once"):
        reference.brought_up_to_date("no marks", "parameters")


every_command = pytest.mark.render  # some are imported with mujoco


@pytest.fixture(scope="module")
def commands():
    """Text of each command on the page."""
    found = re.split(r"^## segan (\w+)$", reference.commands(), flags=re.MULTILINE)
    return dict(zip(found[1::2], found[2::2], strict=True))


@every_command
def test_page_has_every_command(commands):
    assert list(commands) == list(cli.COMMANDS)


@every_command
@pytest.mark.parametrize("words", [*([c] for c in cli.COMMANDS), ["import", "dyce"]], ids=" ".join)
def test_page_has_every_option_that_help_has(commands, words, capsys):
    with pytest.raises(SystemExit, match="0"):
        cli.main([*words, "--help"])
    options = set(re.findall(r"(?<!\S)(--[a-z-]+)", capsys.readouterr().out))
    missing = {o for o in options - {"--help", "--debug"} if f"`{o}" not in commands[words[0]]}
    assert len(options) > 1 and not missing


def test_page_has_every_message_and_service():
    text = reference.messages()
    files = [*ROOT.glob("msg/*.msg"), *ROOT.glob("srv/*.srv")]
    assert len(files) > 5 and all(path.read_text() in text for path in files)


def test_house_has_every_room_with_its_purpose():
    rooms = re.findall(r"<strong>([\w./]+)</strong> (.+?)</div>", reference.house())
    assert all(purpose for _, purpose in rooms)
    folders = [p.parent.name for p in (ROOT / "segan_ros").glob("*/__init__.py")]
    assert {f"{f}/" for f in folders} <= {name for name, _ in rooms}


@every_command
def test_options_are_read_without_torch():
    """With OpenVINO in one process, importing torch's compiler crashes."""
    code = "import sys; from tools.reference import commands; commands(); "
    done = subprocess.run(
        [sys.executable, "-c", f"{code}print('torch' in sys.modules)"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout == "False\n"
