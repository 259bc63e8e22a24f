"""Pages in one HTML file, with their pictures inside."""

from __future__ import annotations

from dataclasses import dataclass

from segan_ros.drawing.render import data_uri


@dataclass(frozen=True)
class Shot:
    """A row of pictures: what it shows, and the pictures side by side as JPEG."""

    name: str
    jpeg: bytes

    @property
    def source(self) -> str:
        """The pictures, for an ``img``."""
        return data_uri(self.jpeg, "jpeg")
