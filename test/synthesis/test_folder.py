"""The folder of `segan generate`: whose it is, what it lacks, and that nothing is half written."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from scene_store import IDENTITY, contents, fill

from segan_ros.storage.scenes import iterate_scenes
from segan_ros.synthesis.folder import NOTE, Shards, check_space, claimed


@pytest.mark.parametrize("per_shard", [0, 3])
def test_what_is_there_is_not_made_again(tmp_path, per_shard):
    assert fill(tmp_path / "scenes", 7, per_shard) == list(range(7))
    assert fill(tmp_path / "scenes", 7, per_shard) == []
    assert fill(tmp_path / "scenes", 5, per_shard) == []


def test_link_to_the_folder_or_a_copy_beside_it_stops_nobody(tmp_path):
    fill(tmp_path / "scenes", 5, most=2)
    (tmp_path / "latest").symlink_to("scenes")
    shutil.copytree(tmp_path / "scenes", tmp_path / "backup")
    assert fill(tmp_path / "latest", 5, most=1) == [2]
    assert fill(tmp_path / "scenes", 5) == [3, 4]


def test_lost_scene_is_made_again(tmp_path):
    fill(tmp_path / "scenes", 5)
    shutil.rmtree(tmp_path / "scenes" / "000002")
    assert fill(tmp_path / "scenes", 5) == [2]


def test_shards_hold_so_many_scenes_and_the_last_one_the_rest(tmp_path):
    fill(tmp_path / "scenes", 7, 3)
    names = sorted(p.name for p in (tmp_path / "scenes").iterdir())
    tars = [f"train-{i:06d}.tar" for i in range(3)]
    assert names == [NOTE, "shards.json", *tars]
    assert json.loads((tmp_path / "scenes" / "shards.json").read_text()) == dict(
        zip(tars, (3, 3, 1), strict=True)
    )
    found = [p.name for p in iterate_scenes(tmp_path / "scenes")]
    assert found == [f"{i:06d}" for i in range(7)]


def test_shard_that_was_begun_is_made_anew_with_the_same_bytes(tmp_path):
    fill(tmp_path / "a" / "scenes", 7, 3)
    fill(tmp_path / "b" / "scenes", 7, 3, most=5)
    assert not list((tmp_path / "b" / "scenes").glob(".*"))
    assert fill(tmp_path / "b" / "scenes", 7, 3) == [3, 4, 5, 6]
    assert contents(tmp_path / "a") == contents(tmp_path / "b")


def test_short_last_shard_grows(tmp_path):
    fill(tmp_path / "a" / "scenes", 8, 3)
    fill(tmp_path / "b" / "scenes", 4, 3)
    assert fill(tmp_path / "b" / "scenes", 8, 3) == [3, 4, 5, 6, 7]
    assert contents(tmp_path / "a") == contents(tmp_path / "b")


def test_what_a_killed_run_left_is_cleared(tmp_path):
    fill(tmp_path / "scenes", 2)
    (tmp_path / "scenes" / ".000002.77.part").mkdir()
    (tmp_path / "scenes" / ".train-000000.tar.part").touch()
    fill(tmp_path / "scenes", 2)
    assert not list((tmp_path / "scenes").glob(".*"))


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"version": 5}, "holds version 4, not version 5; choose another --out"),
        ({"seed": 2, "split": "val"}, "holds seed 1, split train, not seed 2, split val"),
        ({"mujoco": "3.7.0"}, r"holds mujoco 4\.0\.0, not mujoco 3\.7\.0; choose another --out"),
        ({"size": [8, 6]}, r"holds size \[4, 6\], not size \[8, 6\]"),
    ],
)
def test_folder_of_other_scenes_is_left_alone(tmp_path, change, message):
    fill(tmp_path / "scenes", 1)
    before = contents(tmp_path)
    with (
        pytest.raises(ValueError, match=message),
        claimed(tmp_path / "scenes", IDENTITY | change),
    ):
        pass
    assert contents(tmp_path) == before


def test_folder_of_something_else_is_left_alone(tmp_path):
    (tmp_path / "letter.txt").write_text("dear")
    with (
        pytest.raises(ValueError, match="not empty, and not written by"),
        claimed(tmp_path, IDENTITY),
    ):
        pass
    with (
        pytest.raises(ValueError, match="is a file; --out must name a folder"),
        claimed(tmp_path / "letter.txt", IDENTITY),
    ):
        pass


def test_folder_that_does_not_say_which_mujoco_it_was_goes_on(tmp_path):
    fill(tmp_path / "scenes", 2, most=1)
    note = json.loads((tmp_path / "scenes" / NOTE).read_text())
    del note["mujoco"]
    (tmp_path / "scenes" / NOTE).write_text(json.dumps(note))
    assert fill(tmp_path / "scenes", 2) == [1]


def test_run_that_wrote_nothing_is_in_nobodys_way(tmp_path):
    with pytest.raises(ValueError, match="choose another --out"), claimed(tmp_path / "a", IDENTITY):
        check_space(tmp_path / "a", 10**9, (240, 320), loose=True)
    assert fill(tmp_path / "b", 1) == [0]


def test_broken_count_of_shards_is_named(tmp_path):
    (tmp_path / "shards.json").write_text("[]")
    with pytest.raises(ValueError, match=r"shards\.json: not what"):
        Shards(tmp_path, 4, 2, "train")


def test_broken_note_beside_the_folder_is_no_concern_of_it(tmp_path):
    (tmp_path / "broken").mkdir()
    (tmp_path / "broken" / NOTE).write_text("{")
    with claimed(tmp_path / "mine", IDENTITY):
        assert (tmp_path / "mine" / NOTE).exists()


def test_broken_note_is_named(tmp_path):
    (tmp_path / NOTE).write_text("{")
    with (
        pytest.raises(ValueError, match=r"generate\.json: not what"),
        claimed(tmp_path, IDENTITY),
    ):
        pass


def test_same_piles_beside_it_are_warned_of(tmp_path, caplog):
    fill(tmp_path / "train", 1)
    for change in ({"seed": 2}, {"split": "val"}):
        with claimed(tmp_path / str(change), IDENTITY | change):
            pass
    assert not caplog.text
    with claimed(tmp_path / "large", IDENTITY | {"size": [40, 60]}):
        pass
    assert f"large: has the same piles as {tmp_path / 'train'} (split" in caplog.text


def test_nothing_is_left_of_what_failed(tmp_path):
    with pytest.raises(RuntimeError), claimed(tmp_path / "above" / "scenes", IDENTITY):
        raise RuntimeError
    assert not list(tmp_path.iterdir())


def test_second_process_is_told_to_wait(tmp_path):
    with (
        claimed(tmp_path / "scenes", IDENTITY),
        pytest.raises(ValueError, match="another `segan generate` is writing to it"),
        claimed(tmp_path / "scenes", IDENTITY),
    ):
        pass
    fill(tmp_path / "scenes", 1)


def test_too_small_disk_is_refused(tmp_path):
    with pytest.raises(ValueError, match=r"need about .* GB of disk"):
        check_space(tmp_path, 10**9, (240, 320), loose=True)
    check_space(tmp_path, 1, (240, 320), loose=True)


FULL_DISK = """
import sys
from pathlib import Path
sys.path[:0] = {path!r}
from scene_store import contents, fill
import subprocess
disk, per_shard = Path({disk!r}), {per_shard}
try:
    fill(disk / "scenes", 60, per_shard)
except OSError as error:
    print(error)
assert not [p for p in disk.rglob("*") if p.name.startswith(".")]
kept = len([p for p in disk.glob("scenes/*") if p.name.startswith(("0", "train"))])
subprocess.run(["mount", "-o", "remount,size=16m", str(disk)], check=True)
print(kept, fill(disk / "scenes", 60, per_shard)[0])
assert contents(disk) == contents(Path({reference!r}))
"""


def can_mount():
    command = ["unshare", "--user", "--map-root-user", "--mount", "true"]
    return shutil.which("unshare") and subprocess.run(command, check=False).returncode == 0


@pytest.mark.skipif(not can_mount(), reason="needs user namespaces, to mount a small disk")
@pytest.mark.parametrize("per_shard", [0, 4])
def test_full_disk_keeps_what_is_whole_and_goes_on_when_there_is_room(tmp_path, per_shard):
    disk, reference = tmp_path / "disk", tmp_path / "reference"
    disk.mkdir()
    fill(reference / "scenes", 60, per_shard)
    test = Path(__file__).parents[1]
    code = FULL_DISK.format(
        path=[str(test), str(test.parent)],
        disk=str(disk),
        per_shard=per_shard,
        reference=str(reference),
    )
    mount = f'mount -t tmpfs -o size=1m none {disk} && exec {sys.executable} -c "$0"'
    command = ["unshare", "--user", "--map-root-user", "--mount", "sh", "-c", mount, code]
    done = subprocess.run(command, capture_output=True, text=True, check=False, env={**os.environ})
    assert done.returncode == 0, done.stderr
    message, counts = done.stdout.splitlines()
    assert "No space left on device; free some, and the same command resumes" in message
    kept, first = map(int, counts.split())
    assert kept > 2
    assert first == kept * (per_shard or 1)
