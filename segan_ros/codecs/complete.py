"""Whether the bytes of a picture are all there."""

from __future__ import annotations

from segan_ros.codecs import jpeg, png

_TAIL = 4096


def is_whole(content: bytes) -> bool:
    """False for a jpeg or png that is cut short or, as far as can be told, damaged."""
    if content.startswith(png.SIGNATURE):
        return png.is_sound(content)
    return not content.startswith(jpeg.SIGNATURE) or ends_with(content, jpeg.END)


def ends_with(content: bytes, mark: bytes) -> bool:
    """Whether `mark` stands near the end of `content`, or of what cameras fill up with zeros."""
    return mark in content[-_TAIL:] or mark in content.rstrip(b"\0")[-_TAIL:]
