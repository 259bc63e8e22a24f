"""Output folders, JSON and CSV files."""

from __future__ import annotations

import csv
import json
import math
import tempfile
from collections.abc import Mapping, Sequence
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


def output_folder(folder: Path, option: str = "--out") -> None:
    """Make `folder` and try to write into it, before any long work.

    Raises:
        ValueError: it cannot be made or written; `option` should name another.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=folder):
            pass
    except OSError as error:
        raise ValueError(
            f"{folder}: cannot be written ({error.strerror}); choose another {option}"
        ) from None


def _is_nan(value: Any) -> bool:
    return isinstance(value, float) and math.isnan(value)


def _without_nan(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {k: _without_nan(v) for k, v in value.items()}
    if isinstance(value, list | tuple):
        return [_without_nan(v) for v in value]
    return None if _is_nan(value) else value
