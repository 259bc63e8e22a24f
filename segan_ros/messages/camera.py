"""CameraInfo messages <-> intrinsics of an image, with what people should know about it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from segan_ros.frame import COEFFICIENTS, RAYS, Frame, makes_rays
from segan_ros.messages.kinds import CAMERA_INFO, Make, ros_message

DISTORTIONS = ("plumb_bob", "rational_polynomial")
"""Lens models of CameraInfo that are understood."""

_FISHEYE = ("equidistant", "fisheye")
"""Models that bend rays even where all coefficients are 0."""


@dataclass(frozen=True, eq=False)
class Camera:
    """What a CameraInfo says of an image.

    Args:
        matrix: ``(3, 3)`` float64 intrinsics in pixels of the image; None if they are not known.
        distortion: ``(n,)`` float64; None without distortion.
        remark: why the message is not used, or how it was changed, with the remedy; else empty.
    """

    matrix: NDArray[np.float64] | None = None
    distortion: NDArray[np.float64] | None = None
    remark: str = ""


def to_camera(message: Any | None, image: Any | None, rectified: bool = False) -> Camera:
    """The camera of `image`.

    Args:
        message: a CameraInfo, whose k and p are of the whole sensor: its binning and region of
            interest are worked in. All zero is how a driver says that its camera is not calibrated.
        image: what it is to belong to; None where its size does not matter. Of another size but the
            same shape, it is taken for a smaller or larger copy, with a remark.
        rectified: the image is: then the matrix is that of P, and nothing is distorted.
    """
    if message is None or not any(message.k):
        return Camera()
    matrix = _matrix(message, rectified)
    if not makes_rays(matrix):
        return Camera(
            remark=f"camera_info has {'p' if rectified else 'k'} = {matrix.tolist()} and is "
            f"ignored; {RAYS}: calibrate the camera"
        )
    bends = not rectified and (any(message.d) or message.distortion_model in _FISHEYE)
    if bends and (problem := _distortion_problem(message)):
        return Camera(remark=problem)
    remark = ""
    if image is not None:
        fitted, remark = _fitted(matrix, message, image)
        if fitted is None:
            return Camera(remark=remark)
        matrix = fitted
    return Camera(matrix, np.array(message.d, np.float64) if bends else None, remark)


def camera_message(frame: Frame, header: Any, make: Make = ros_message) -> Any:
    """The CameraInfo of a frame whose image is not distorted; all zero without a camera matrix."""
    matrix = np.zeros((3, 3)) if frame.camera_matrix is None else frame.camera_matrix
    whole = {"x_offset": 0, "y_offset": 0, "height": 0, "width": 0, "do_rectify": False}
    return make(
        CAMERA_INFO,
        header=header,
        height=frame.size[0],
        width=frame.size[1],
        distortion_model="plumb_bob",
        d=np.zeros(5),
        k=matrix.ravel(),
        r=np.eye(3).ravel(),
        p=np.c_[matrix, np.zeros(3)].ravel(),
        binning_x=0,
        binning_y=0,
        roi=make("sensor_msgs/msg/RegionOfInterest", **whole),
    )


def _fitted(
    matrix: NDArray[np.float64], message: Any, image: Any
) -> tuple[NDArray[np.float64] | None, str]:
    """The matrix in pixels of `image`, or None; and the remark."""
    size = image.width, image.height
    sensor = message.width, message.height
    read_out = _read_out(message)
    if size == read_out != sensor:
        return _read_out_matrix(matrix, message), ""
    if size == sensor:
        return matrix, ""
    if read_out != sensor and 0 not in read_out:
        sensor, matrix = read_out, _read_out_matrix(matrix, message)
    both = f"camera_info is for {sensor[0]}x{sensor[1]} but the image is {size[0]}x{size[1]}"
    if 0 in sensor or size[0] * sensor[1] != size[1] * sensor[0]:
        return None, f"{both}, so it is ignored; publish camera_info for this resolution"
    ratio = size[0] / sensor[0]
    return (
        np.diag([ratio, ratio, 1.0]) @ matrix,
        f"{both}: it is scaled by {ratio:g}, which is wrong if the image is a crop; publish "
        "camera_info for this resolution",
    )


def _read_out(message: Any) -> tuple[int, int]:
    """Width and height of the images, by region of interest and binning."""
    roi = message.roi
    x, y = _binning(message)
    return (roi.width or message.width) // x, (roi.height or message.height) // y


def _read_out_matrix(matrix: NDArray[np.float64], message: Any) -> NDArray[np.float64]:
    """As image_geometry has it: moved to the region of interest, then divided by the binning."""
    x, y = _binning(message)
    moved = matrix.copy()
    moved[:2, 2] -= message.roi.x_offset, message.roi.y_offset
    return np.diag([1 / x, 1 / y, 1.0]) @ moved


def _binning(message: Any) -> tuple[int, int]:
    """0 means the same as 1."""
    return max(message.binning_x, 1), max(message.binning_y, 1)


def _distortion_problem(message: Any) -> str:
    if message.distortion_model not in DISTORTIONS or len(message.d) not in COEFFICIENTS:
        return (
            f"camera_info has distortion_model {message.distortion_model!r} with {len(message.d)} "
            f"coefficients and is ignored; supported are {', '.join(DISTORTIONS)}: rectify image, "
            "mask and depth (image_proc) and set rectified"
        )
    if not np.isfinite(message.d).all():
        return "camera_info has d with NaN or inf and is ignored; calibrate the camera"
    return ""


def _matrix(message: Any, rectified: bool) -> NDArray[np.float64]:
    if rectified:
        return np.array(message.p, np.float64).reshape(3, 4)[:, :3]
    return np.array(message.k, np.float64).reshape(3, 3)
