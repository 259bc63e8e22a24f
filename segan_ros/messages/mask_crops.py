"""InstanceMask messages: masks and appearances as crops of the image, both ways."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from segan_ros.boxes import Box, crop, paste, relative, size_of, tight_box
from segan_ros.frame import Image, Mask
from segan_ros.messages.images import check, image_message, to_labels, to_rgb
from segan_ros.messages.kinds import Make


@dataclass(frozen=True)
class CropWriter:
    """Makes crops that carry `header`."""

    header: Any
    make: Make

    def mask(self, mask: Mask, box: Box) -> Any:
        """The tight crop of `mask`, which covers `box` of the image."""
        tight = tight_box(mask)
        pixels = crop(mask, tight).astype(np.uint8) * 255
        return self._crop(box[0] + tight[0], box[1] + tight[1], pixels, "mono8")

    def appearance(self, colours: Image | None, mask: Mask, box: Box) -> Any:
        """Colours in `mask`, which becomes the alpha channel; an empty crop without colours."""
        if colours is None:
            return self._crop(0, 0, np.zeros((0, 0), np.uint8), "")
        rgba = np.zeros((*mask.shape, 4), np.uint8)
        opaque = cv2.cvtColor(colours, cv2.COLOR_RGB2RGBA)
        cv2.copyTo(opaque, mask.view(np.uint8), rgba)
        return self._crop(box[0], box[1], rgba, "rgba8")

    def _crop(self, x: int, y: int, pixels: NDArray[Any], encoding: str) -> Any:
        image = image_message(pixels, encoding, self.header, self.make)
        return self.make("segan_ros/msg/InstanceMask", x=x, y=y, image=image)


def box_of(message: Any) -> Box:
    """Where a crop lies, which may reach past the image."""
    x, y = message.x, message.y
    return x, y, x + message.image.width, y + message.image.height


def to_mask(message: Any, box: Box) -> Mask:
    """A mask's part in `box`. Raises MessageError where its image cannot be used."""
    if not message.image.width:
        return np.zeros(size_of(box), bool)
    check(message.image, "instance_mask", "a mask")
    return _placed(message, box, to_labels(message.image)) > 0


def to_appearance(message: Any, box: Box) -> Image | None:
    """An appearance's part in `box`, None if it is empty. Raises MessageError like `to_mask`."""
    if not message.image.width:
        return None
    check(message.image, "image", "appearance")
    return _placed(message, box, to_rgb(message.image))


def _placed(message: Any, box: Box, pixels: NDArray[Any]) -> NDArray[Any]:
    """The part of a crop's `pixels` in `box`; zeros where `box` reaches past them."""
    result = np.zeros((*size_of(box), *pixels.shape[2:]), pixels.dtype)
    paste(result, relative(box_of(message), box), pixels)
    return result
