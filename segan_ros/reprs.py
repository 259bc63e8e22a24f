"""Short reprs of plain data: shapes, dtypes and counts instead of arrays."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import fields, is_dataclass
from typing import Any

import numpy as np

LONGEST = 12
"""Values of a tuple or a mapping that are shown; of longer ones, how many there are."""


class ShortRepr:
    """Base of dataclasses (with ``repr=False``) whose fields hold arrays."""

    def __repr__(self) -> str:
        assert is_dataclass(self)
        shown = (f"{f.name}={_short(getattr(self, f.name))}" for f in fields(self) if f.repr)
        return f"{type(self).__name__}({', '.join(shown)})"


def _short(value: Any) -> str:
    if isinstance(value, np.ndarray):
        return repr(value.tolist()) if value.size <= 3 else f"{value.dtype}{list(value.shape)}"
    if isinstance(value, tuple) and value and is_dataclass(value[0]):
        return f"<{len(value)} {type(value[0]).__name__}>"
    if isinstance(value, tuple | Mapping) and len(value) > LONGEST:
        return f"<{len(value)} entries>"
    if isinstance(value, Mapping):
        return f"{{{', '.join(f'{k!r}: {_short(v)}' for k, v in value.items())}}}"
    return f"{value:.6g}" if isinstance(value, float) else repr(value)
