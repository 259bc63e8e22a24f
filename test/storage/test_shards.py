"""Packed scenes: the same content as folders, the same bytes again, clear errors."""

import io
import json
import tarfile

import numpy as np
import pytest
from samples import labelled_scene

from segan_ros.storage.scene_writer import scene_files, write_scene
from segan_ros.storage.scenes import iterate_scenes, read_scene, read_scene_frame
from segan_ros.storage.shards import ShardWriter


@pytest.fixture
def shard(tmp_path):
    """Two scenes in a tar file."""
    writer = ShardWriter(tmp_path / "train-000000.tar")
    for name in ("000000", "000001"):
        writer.add(name, scene_files(labelled_scene()))
    writer.close()
    return tmp_path / "train-000000.tar"


def test_packed_scenes_read_like_folders(shard, tmp_path):
    write_scene(tmp_path / "loose", labelled_scene())
    loose = read_scene(tmp_path / "loose")
    packed = list(iterate_scenes(shard))
    assert [p.name for p in packed] == ["000000", "000001"]
    for place in packed:
        scene = read_scene(place)
        np.testing.assert_array_equal(scene.frame.rgb, loose.frame.rgb)
        np.testing.assert_array_equal(scene.frame.labels, loose.frame.labels)
        np.testing.assert_array_equal(scene.frame.depth, loose.frame.depth)
        np.testing.assert_array_equal(scene.objects[0].amodal, loose.objects[0].amodal)
        np.testing.assert_array_equal(scene.objects[0].appearance, loose.objects[0].appearance)
        assert scene.objects[1].appearance is None
        assert (scene.occlusions, scene.extra) == (loose.occlusions, loose.extra)
    assert read_scene_frame(packed[0]).size == (24, 37)


def test_folder_gives_loose_scenes_and_those_of_its_shards(shard, tmp_path):
    write_scene(tmp_path / "loose", labelled_scene())
    assert [p.name for p in iterate_scenes(tmp_path)] == ["loose", "000000", "000001"]


def test_members_are_in_webdataset_layout_and_carry_no_time_or_owner(shard):
    with tarfile.open(shard) as archive:
        members = archive.getmembers()
    files = sorted(scene_files(labelled_scene()))
    assert "appearance_2.png" in files
    assert [m.name for m in members] == [f"{k}.{f}" for k in ("000000", "000001") for f in files]
    assert {(m.mtime, m.uid, m.gid, m.uname, m.mode) for m in members} == {(0, 0, 0, "", 0o644)}


def test_webdataset_library_reads_a_shard(shard):
    webdataset = pytest.importorskip("webdataset")
    samples = list(webdataset.WebDataset(str(shard), shardshuffle=False, empty_check=False))
    assert [s["__key__"] for s in samples] == ["000000", "000001"]
    for sample in samples:
        assert {k: v for k, v in sample.items() if not k.startswith("__")} == scene_files(
            labelled_scene()
        )


def test_unfinished_shard_is_not_found(tmp_path):
    writer = ShardWriter(tmp_path / "train-000000.tar")
    writer.add("000000", scene_files(labelled_scene()))
    with pytest.raises(ValueError, match="no scene folder here"):
        list(iterate_scenes(tmp_path))
    writer.discard()
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("kept", [100, 700, 3000])
def test_cut_off_shard_is_one_clear_error(shard, kept):
    shard.write_bytes(shard.read_bytes()[:kept])
    with pytest.raises(ValueError, match=r"train-000000\.tar: not a complete tar file"):
        for place in iterate_scenes(shard):
            read_scene(place)


@pytest.mark.parametrize("how", ["between members", "within a header", "bit", "zeros"])
def test_shard_damaged_at_a_header_is_one_clear_error(shard, how):
    """There `tarfile` stops as at the end, and says nothing."""
    whole = bytearray(shard.read_bytes())
    with tarfile.open(shard) as archive:
        header = archive.getmembers()[3].offset
    if how == "bit":
        whole[header + 2] ^= 1
    elif how == "zeros":
        whole[header : header + 512] = bytes(512)
    else:
        del whole[header + (200 if how == "within a header" else 0) :]
    shard.write_bytes(whole)
    with pytest.raises(ValueError, match=r"train-000000\.tar: not a complete tar file"):
        list(iterate_scenes(shard))


def test_packed_scene_without_labels_is_named(tmp_path):
    content = json.dumps({"objects": []}).encode()
    with tarfile.open(tmp_path / "odd.tar", "w") as archive:
        member = tarfile.TarInfo("7.scene.json")
        member.size = len(content)
        archive.addfile(member, io.BytesIO(content))
    (place,) = iterate_scenes(tmp_path / "odd.tar")
    with pytest.raises(FileNotFoundError, match=r"odd\.tar/7: no rgb\.png"):
        read_scene(place)


@pytest.mark.torch
def test_training_reads_shards(shard):
    pytest.importorskip("torch")
    from segan_ros.training.data import Library

    library = Library([str(shard)])
    assert [(s.picture, s.id) for s in library.subjects] == [(0, 2), (1, 2)]
