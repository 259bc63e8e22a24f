"""Yes or no, frame by frame, with hysteresis."""

from __future__ import annotations

from collections.abc import Set

Key = tuple[str, str, str]
"""What is said, and of which two objects."""


class Latch:
    """An answer stands until some frames in a row contradict it."""

    def __init__(self) -> None:
        self._said: dict[Key, bool] = {}
        self._against: dict[Key, int] = {}

    def __call__(self, key: Key, now: bool, frames: int, default: bool) -> bool:
        """What is said of `key`, asked once a frame.

        Args:
            key: of what.
            now: what this frame says.
            frames: in a row that it takes to change the answer, this one included.
            default: what was said before, if `key` is new.
        """
        said = self._said.setdefault(key, default)
        count = self._against.pop(key, 0) + 1
        if now == said:
            return said
        if count >= frames:
            self._said[key] = said = now
        else:
            self._against[key] = count
        return said

    def forget(self, names: Set[str]) -> None:
        """All that is said of objects of these names."""
        for table in (self._said, self._against):
            for key in [k for k in table if not names.isdisjoint(k[1:])]:
                del table[key]
