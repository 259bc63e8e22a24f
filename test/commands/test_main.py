"""What every `segan` command has: help, and errors and warnings of one line."""

import logging
import os
import subprocess
import sys

import pytest
from samples import labelled_scene

from segan_ros.commands.main import COMMANDS, main
from segan_ros.storage.scene_writer import write_scene


def test_help_lists_every_command(capsys):
    with pytest.raises(SystemExit):
        main(["--help"])
    said = capsys.readouterr().out
    for name, summary in COMMANDS.items():
        assert f"  {name} " in said and summary.split()[0] in said


NEEDS = {"generate": pytest.mark.render}
"""What `segan COMMAND --help` needs beyond the package's own requirements."""


@pytest.mark.parametrize("command", [pytest.param(c, marks=NEEDS.get(c, ())) for c in COMMANDS])
def test_help_of_each_command_begins_with_what_it_does(command, capsys):
    with pytest.raises(SystemExit) as ended:
        main([command, "--help"])
    assert ended.value.code == 0
    summary = COMMANDS[command]
    assert f"{summary[0].upper()}{summary[1:]}." in " ".join(capsys.readouterr().out.split())


def test_warnings_of_every_room_are_lines_on_stderr(tmp_path, capsys, monkeypatch):
    def warns(folder):
        logging.getLogger("segan_ros.storage.anything").warning("%s: odd", folder)
        raise ValueError("no more")

    monkeypatch.setattr("segan_ros.commands.complete.iterate_scenes", warns)
    assert main(["complete", "--scenes", str(tmp_path)]) == 2
    said = capsys.readouterr()
    assert said.err == f"segan: warning: {tmp_path}: odd\nsegan: error: no more\n" and not said.out


def test_output_that_nobody_reads_to_its_end_is_no_error(tmp_path, dummy_model):
    """As of `segan complete ... | head -1`."""
    write_scene(tmp_path / "scenes" / "1", labelled_scene())
    words = ["complete", "--scenes", tmp_path / "scenes", "--out", tmp_path / "out"]
    words += ["--model", dummy_model, "--provider", "cpu"]
    code = "import sys; from segan_ros.commands.main import main; sys.exit(main())"
    read, write = os.pipe()
    os.close(read)
    with os.fdopen(write, "wb") as nobody:
        done = subprocess.run(
            [sys.executable, "-c", code, *words], stdout=nobody, stderr=subprocess.PIPE, check=False
        )
    assert done.returncode == 141 and done.stderr == b""
    assert (tmp_path / "out" / "1" / "graph.json").exists()
