"""Output folders, JSON and CSV files."""

from __future__ import annotations

import csv
import json
import math
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any


def write_json(path: Path, content: Any) -> None:
    """Write `content`; NaN, which JSON does not know, becomes null."""
    path.write_text(json.dumps(_without_nan(content), indent=1) + "\n")


def write_csv(path: Path, rows: Sequence[Mapping[str, Any]]) -> None:
    """Write `rows`, whose keys are the same, with a heading; NaN becomes an empty cell."""
    with path.open("w", newline="") as file:
        if rows:
            writer = csv.DictWriter(file, list(rows[0]), lineterminator="\n")
            writer.writeheader()
            writer.writerows({k: "" if _is_nan(v) else v for k, v in row.items()} for row in rows)


def check_output(folder: Path, option: str = "--out") -> None:
    """Try to make `folder` and to write into it, before any long work; leave nothing behind.

    Raises:
        ValueError: it cannot be made or written; `option` should name another.
    """
    try:
        with no_empty_folder(folder):
            folder.mkdir(parents=True, exist_ok=True)
            with tempfile.TemporaryFile(dir=folder):
                pass
    except OSError as error:
        raise ValueError(
            f"{folder}: cannot be written ({error.strerror}); choose another {option}"
        ) from None


@contextmanager
def no_empty_folder(folder: Path | None) -> Iterator[None]:
    """Remove `folder`, and those above it, where they are made meanwhile and stay empty: what
    fails leaves no trace."""
    places = (folder, *folder.parents) if folder is not None else ()
    missing = [place for place in places if not place.exists()]
    try:
        yield
    finally:
        for place in missing:
            with suppress(OSError):
                place.rmdir()


def _is_nan(value: Any) -> bool:
    return isinstance(value, float) and math.isnan(value)


def _without_nan(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {k: _without_nan(v) for k, v in value.items()}
    if isinstance(value, list | tuple):
        return [_without_nan(v) for v in value]
    return None if _is_nan(value) else value
