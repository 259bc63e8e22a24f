"""The user's home folder, which service accounts and containers may lack."""

from __future__ import annotations

from pathlib import Path


class NoHomeError(ValueError):
    """A path begins with ``~`` but there is no home folder to put there."""


def expanded(path: str | Path) -> Path:
    """`path` with a leading ``~`` or ``~user`` replaced by that home folder.

    Raises:
        NoHomeError: the user has neither ``HOME`` nor a passwd entry, or is unknown.
    """
    try:
        return Path(path).expanduser()
    except RuntimeError:
        raise NoHomeError(
            f"{path}: no home folder for {Path(path).parts[0]} (HOME is not set, and there is no "
            "passwd entry); give a path without ~, or set HOME"
        ) from None
