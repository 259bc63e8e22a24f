"""`segan generate`: same seed same bytes, resumes, survives, refuses."""

import os
import shutil
import signal
import subprocess
import sys
import tarfile
import time
from pathlib import Path

import pytest

pytest.importorskip("segan_ros.synthesis.gl")
from segan_ros.commands import main as cli
from segan_ros.storage.scenes import iterate_scenes, read_scene
from segan_ros.synthesis import piles
from segan_ros.synthesis.folder import parse_size
from segan_ros.synthesis.generate import generate
from segan_ros.synthesis.piles import Job
from segan_ros.synthesis.tasks import MakePile, identity_of
from segan_ros.synthesis.views import Rejected
from segan_ros.synthesis.workforce import Workforce

pytestmark = pytest.mark.render

ROOT = Path(__file__).parents[2]
JOB = Job("train", 3, (72, 96), 3)


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """Scenes of `JOB`, by two workers."""
    folder = tmp_path_factory.mktemp("made") / "scenes"
    generate(JOB, folder, Workforce(2))
    return folder


def contents(folder):
    return {str(p.relative_to(folder)): p.read_bytes() for p in folder.rglob("*") if p.is_file()}


def start(folder, scenes):
    """`segan generate` with two workers in a process of its own, and its workers' ids."""
    code = "import sys; from segan_ros.commands.main import main; sys.exit(main())"
    arguments = f"generate --out {folder} --scenes {scenes} --seed 3 --size 96x72 --workers 2"
    command = [sys.executable, "-c", code, *arguments.split()]
    process = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    deadline = time.monotonic() + 300
    while not any(Path(folder).glob("0*")) and time.monotonic() < deadline:
        time.sleep(0.05)
    children = Path(f"/proc/{process.pid}/task/{process.pid}/children").read_text().split()
    commands = {int(c): Path(f"/proc/{c}/cmdline").read_bytes() for c in children}
    return process, [c for c, text in commands.items() if b"spawn_main" in text]


@pytest.mark.slow
def test_same_seed_gives_the_same_bytes_with_one_and_with_two_workers(made, tmp_path):
    generate(JOB, tmp_path / "again", Workforce(1))
    assert contents(tmp_path / "again") == contents(made)


@pytest.mark.slow
def test_shards_hold_the_same_files(made, tmp_path):
    generate(JOB, tmp_path / "packed", Workforce(2), per_shard=2)
    found = {}
    for path in sorted((tmp_path / "packed").glob("train-*.tar")):
        with tarfile.open(path) as archive:
            found |= {m.name.replace(".", "/", 1): archive.extractfile(m).read() for m in archive}
    loose = contents(made)
    del loose["generate.json"]
    assert found == loose


def test_splits_of_the_same_seed_share_no_pile(monkeypatch):
    """Not even where they have the same objects."""
    monkeypatch.setitem(piles.SPLITS, "val", piles.SPLITS["train"])
    begun = []

    def lay_out(job, count, rng):
        begun.append((job.split, count, rng.bytes(16)))
        raise Rejected("enough")

    monkeypatch.setattr(piles, "lay_out", lay_out)
    for split in ("train", "val", "train"):
        with pytest.raises(Rejected):
            piles.heap(Job(split, 3, (72, 96), 1), 0, 0)
    assert begun[0] == begun[2] and begun[0][2] != begun[1][2]


def test_worker_with_another_mujoco_refuses(monkeypatch):
    task = MakePile(JOB, identity_of(JOB))
    monkeypatch.setattr("mujoco.__version__", "3.7.0")
    with pytest.raises(ValueError, match="install the same segan_ros, mujoco and assets"):
        task(0)


def test_scene_folders_are_readable_and_as_many_as_asked_for(made):
    scenes = [read_scene(p) for p in iterate_scenes(made)]
    assert len(scenes) == JOB.scenes
    for scene in scenes:
        assert scene.frame.size == JOB.size
        assert scene.extra["split"] == "train" and scene.extra["seed"] == 3
        assert len(scene.objects) >= 3


def test_resumes_with_what_is_missing_and_clears_what_is_half_written(made, tmp_path):
    folder = tmp_path / "scenes"
    shutil.copytree(made, folder)
    shutil.rmtree(folder / "000002")
    (folder / ".000002.77.part").mkdir()
    kept = (folder / "000001" / "rgb.png").stat().st_mtime_ns
    generate(JOB, folder, Workforce(1))
    assert contents(folder) == contents(made)
    assert (folder / "000001" / "rgb.png").stat().st_mtime_ns == kept
    assert not list(folder.glob(".*.part"))


@pytest.mark.slow
def test_more_scenes_of_the_same_seed_keep_those_there(made, tmp_path):
    shutil.copytree(made, tmp_path / "scenes")
    generate(Job("train", 3, (72, 96), 4), tmp_path / "scenes", Workforce(1))
    old, new = contents(made), contents(tmp_path / "scenes")
    assert {k: new[k] for k in old} == old
    assert (tmp_path / "scenes" / "000003" / "rgb.png").exists()


@pytest.mark.slow
@pytest.mark.skipif(not Path("/proc/self/task").exists(), reason="finds children through /proc")
def test_killed_worker_costs_no_scene(made, tmp_path):
    process, workers = start(tmp_path / "scenes", 6)
    os.kill(workers[0], signal.SIGKILL)
    output, _ = process.communicate(timeout=300)
    assert process.returncode == 0, output.decode()
    after = contents(tmp_path / "scenes")
    assert len(list((tmp_path / "scenes").glob("0*"))) == 6
    assert {k: after[k] for k in contents(made)} == contents(made)


@pytest.mark.slow
@pytest.mark.skipif(not Path("/proc/self/task").exists(), reason="finds children through /proc")
def test_workers_end_with_their_parent(tmp_path):
    process, workers = start(tmp_path / "scenes", 500)
    process.kill()
    process.communicate()
    deadline = time.monotonic() + 60
    while any(Path(f"/proc/{w}").exists() for w in workers) and time.monotonic() < deadline:
        time.sleep(0.1)
    assert len(workers) == 2
    assert not any(Path(f"/proc/{w}").exists() for w in workers)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--scenes", "0"], "--scenes is 0"),
        (["--scenes", "-4"], "--scenes is -4"),
        (["--split", "dev"], "--split is 'dev'; choose from train, val, test"),
        (["--seed", "-1"], "--seed is -1"),
        (["--size", "320"], "WIDTHxHEIGHT"),
        (["--size", "9x9"], "64..2048"),
        (["--workers", "-1"], "--workers is -1"),
        (["--shards", "0"], "--shards is 0"),
        (["--objects", "cups"], "--objects is 'cups'; choose from families, all"),
        (["--scenes", "1000000000"], "GB of disk"),
    ],
)
def test_bad_option_is_named(tmp_path, capsys, options, message):
    assert cli.main(["generate", "--out", str(tmp_path / "scenes"), *options]) == 2
    assert message in capsys.readouterr().err


def test_folder_of_another_seed_is_left_alone(made, capsys):
    before = contents(made)
    arguments = ["generate", "--out", str(made), "--seed", "4", "--size", "96x72"]
    assert cli.main([*arguments, "--scenes", "3"]) == 2
    assert "choose another --out" in capsys.readouterr().err
    assert contents(made) == before


def test_foreign_folder_and_file_are_left_alone(tmp_path, capsys):
    (tmp_path / "letter.txt").write_text("dear")
    assert cli.main(["generate", "--out", str(tmp_path)]) == 2
    assert "not empty" in capsys.readouterr().err
    assert cli.main(["generate", "--out", str(tmp_path / "letter.txt")]) == 2
    assert "is a file; --out must name a folder" in capsys.readouterr().err


def test_statistics_are_printed_of_what_is_there(made, capsys, monkeypatch):
    assert cli.main(["generate", "--out", str(made), "--stats"]) == 0
    printed = capsys.readouterr().out
    monkeypatch.chdir(made)
    assert cli.main(["generate", "--stats", "."]) == 0
    assert capsys.readouterr().out == printed
    assert cli.main(["generate", "--stats", str(made)]) == 0
    assert capsys.readouterr().out == printed
    assert "scenes: 3\n" in printed and "hidden share of objects" in printed


def test_what_to_make_must_be_said(tmp_path, capsys):
    assert cli.main(["generate"]) == 2
    assert "give --out DIR, --bag OUT.mcap or --stats DIR" in capsys.readouterr().err
    assert cli.main(["generate", "--bag", str(tmp_path / "a"), "--out", str(tmp_path)]) == 2
    assert "--bag excludes --out" in capsys.readouterr().err
    assert cli.main(["generate", "--stats"]) == 2
    assert "give --stats DIR, or add --out DIR" in capsys.readouterr().err
    assert cli.main(["generate", "--stats", "x", "--out", str(tmp_path / "y")]) == 2
    assert "drop --out, or add --scenes" in capsys.readouterr().err
    assert not (tmp_path / "y").exists()


def test_unwritable_folder_is_named(capsys):
    assert cli.main(["generate", "--out", "/proc/segan/scenes"]) == 2
    assert "/proc/segan" in capsys.readouterr().err


def test_size_is_width_by_height():
    assert parse_size("320x240") == (240, 320)
