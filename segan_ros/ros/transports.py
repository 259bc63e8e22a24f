"""How images are transported, raw or compressed, and which parameter says so of each input."""

from __future__ import annotations

from typing import Any

from segan_ros.messages.segmenters import LABEL_IMAGE
from segan_ros.ros.synchronizer import DEPTH, IMAGE, MASK

TRANSPORTS = {IMAGE: "image_transport", MASK: "mask_transport", DEPTH: "depth_transport"}
"""The parameter that says how each input comes."""
OTHER = {"raw": "compressed", "compressed": "raw"}
"""What else it could say."""


def transport_of(stream: str, values: Any) -> str:
    """``raw`` or ``compressed``: how an input comes, by the values of all parameters."""
    if stream == MASK and values["segmenter"] != LABEL_IMAGE:
        return "raw"
    own = values[TRANSPORTS[stream]]
    return str(values[TRANSPORTS[IMAGE]] if own == "same" else own)
