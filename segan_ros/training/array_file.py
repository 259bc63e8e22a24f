"""Arrays kept in a file instead of in memory."""

from __future__ import annotations

import os
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True)
class Kept:
    """An array in an `ArrayFile`: where it begins, and what it is."""

    offset: int
    shape: tuple[int, ...]
    dtype: np.dtype[Any]


class ArrayFile:
    """Arrays that are appended once and read back whole or by rows, by any number of processes.

    The file has no name and vanishes with the last process that uses it. What was read lately stays
    in the system's memory as long as nobody else needs that.

    Args:
        folder: where it lies; None, the system's folder for temporary files.

    Raises:
        OSError: the folder cannot be written.
    """

    def __init__(self, folder: Path | None = None) -> None:
        # Processes that are forked share it: every read says where, none moves the file's position.
        self._file = tempfile.TemporaryFile(dir=folder, buffering=0)  # noqa: SIM115
        self._folder, self._end = folder, 0

    def keep(self, array: NDArray[Any]) -> Kept:
        """Append `array`.

        Raises:
            OSError: there is no room; it names the folder and what helps.
        """
        array = np.ascontiguousarray(array)
        kept, data = Kept(self._end, array.shape, array.dtype), _bytes(array)
        while data:
            try:
                written = os.pwrite(self._file.fileno(), data, self._end)
            except OSError as error:
                raise OSError(
                    error.errno,
                    f"{error.strerror} after {self._end / 1e9:.1f} GB of decoded pictures; free "
                    "some, choose a folder on another disk, or set data.train_scenes",
                    str(self._folder or tempfile.gettempdir()),
                ) from None
            data, self._end = data[written:], self._end + written
        return kept

    def read(self, kept: Kept, first: int = 0, last: int | None = None) -> NDArray[Any]:
        """The rows from `first` to before `last` (None: the end) of an array, a copy."""
        rows = range(kept.shape[0])[first:last]
        found = np.empty((len(rows), *kept.shape[1:]), kept.dtype)
        row = kept.dtype.itemsize * int(np.prod(kept.shape[1:]))
        data, offset = _bytes(found), kept.offset + rows.start * row
        while data:
            count = os.preadv(self._file.fileno(), [data], offset)
            if not count:
                raise OSError("the file of the pictures was cut off")
            data, offset = data[count:], offset + count
        return found


def _bytes(array: NDArray[Any]) -> memoryview:
    return array.reshape(-1).view(np.uint8).data
