"""`segan export` takes a checkpoint, or the folder of the run that wrote it."""

import pytest

from segan_ros.commands.main import main

pytestmark = pytest.mark.torch


@pytest.mark.parametrize(
    ("files", "message"),
    [
        ((), "run: no last.pt in this folder; give a checkpoint, or the folder that `segan train`"),
        (("last.pt",), "run/last.pt: not a checkpoint of this version of `segan train`"),
    ],
)
def test_folder_stands_for_its_last_checkpoint(tmp_path, capsys, files, message):
    pytest.importorskip("torch")
    (tmp_path / "run").mkdir()
    for name in files:
        (tmp_path / "run" / name).write_bytes(b"")
    out = tmp_path / "model"
    assert main(["export", "--checkpoint", str(tmp_path / "run"), "--out", str(out)]) == 2
    said = capsys.readouterr().err
    assert message in said and said.count("\n") == 1
    assert not out.exists()
