"""What training keeps in memory, and what in a file."""

import errno
import os
import tracemalloc
from dataclasses import replace

import numpy as np
import pytest

pytest.importorskip("torch")
from disc_scene import disc_behind_bar

from segan_ros.storage.scene_writer import write_scene
from segan_ros.training.array_file import ArrayFile
from segan_ros.training.library import Library

pytestmark = pytest.mark.torch


def test_pictures_are_not_in_memory(tmp_path):
    scene = disc_behind_bar()
    pixels = scene.frame.labels.size
    for number in range(20):
        write_scene(tmp_path / f"{number:03}", scene)
    tracemalloc.start()
    try:
        library = Library([str(tmp_path)])
        kept, _ = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert len(library.pictures) == 20 and len(library.subjects) == 60
    # Colours and labels alone would be 5 bytes a pixel.
    assert kept < 20 * pixels


@pytest.mark.parametrize(
    "array",
    [
        np.arange(60, dtype=np.uint16).reshape(5, 4, 3),
        np.array([[True, False], [False, True]]),
        np.array([[np.nan, 0.25]], np.float16),
        np.zeros((0, 7, 3), np.uint8),
        np.arange(24.0).reshape(4, 6)[:, ::2],
    ],
)
def test_arrays_are_read_back_as_they_were(array, tmp_path):
    file = ArrayFile(tmp_path)
    file.keep(np.arange(9))
    kept = file.keep(array)
    file.keep(np.arange(9))
    found = file.read(kept)
    np.testing.assert_array_equal(found, array)
    assert found.dtype == array.dtype and found.flags.writeable
    np.testing.assert_array_equal(file.read(kept, 1, 3), array[1:3])


def test_a_file_that_was_cut_off_is_an_error():
    file = ArrayFile()
    kept = file.keep(np.arange(9))
    with pytest.raises(OSError, match="cut off"):
        file.read(replace(kept, shape=(10,)))


def test_a_full_disk_names_the_folder_and_what_helps(tmp_path, monkeypatch):
    def full(*_):
        raise OSError(errno.ENOSPC, "No space left on device")

    file = ArrayFile(tmp_path)
    monkeypatch.setattr("os.pwrite", full)
    with pytest.raises(OSError, match=r"No space left .* choose a folder on another disk") as said:
        file.keep(np.arange(9))
    assert str(tmp_path) in str(said.value)


def test_file_has_no_name(tmp_path):
    file = ArrayFile(tmp_path)
    file.keep(np.arange(9))
    assert not list(tmp_path.iterdir())


def test_forked_processes_read_beside_each_other():
    """Each read says where: the processes share the position in the file."""
    file = ArrayFile()
    kept = [file.keep(np.full(1000, i)) for i in range(8)]
    child = os.fork()
    right = False
    try:
        right = all((file.read(kept[i]) == i).all() for i in [*range(8)] * 50)
    finally:
        if child == 0:
            os._exit(not right)
    assert right and os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
