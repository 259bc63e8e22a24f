"""CameraInfo messages <-> intrinsics, with the reason where one cannot be used."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from segan_ros.frame import COEFFICIENTS, Frame
from segan_ros.messages.kinds import CAMERA_INFO, Make, ros_message

DISTORTIONS = ("plumb_bob", "rational_polynomial")
"""Lens models of CameraInfo that are understood."""


def to_camera(
    message: Any | None, image: Any, rectified: bool = False
) -> tuple[NDArray[np.float64] | None, NDArray[np.float64] | None]:
    """Camera matrix ``(3, 3)`` and distortion ``(n,)`` or None; both None when `camera_problem`
    says that the message is unusable, or when it says nothing of the camera.

    Args:
        message: a CameraInfo.
        image: it is to belong to this one.
        rectified: the image is: then the matrix is that of P, and nothing is distorted.
    """
    if message is None or not any(message.k) or camera_problem(message, image, rectified):
        return None, None
    bends = not rectified and any(message.d)
    return _matrix(message, rectified), np.array(message.d, np.float64) if bends else None


def camera_problem(message: Any, image: Any | None, rectified: bool = False) -> str:
    """Why a CameraInfo cannot be used, with the remedy; empty if it can.

    Args:
        message: all zero is how a driver says that its camera is not calibrated: no problem.
        image: that it is to belong to; None if it does not matter.
        rectified: see `to_camera`.
    """
    if not any(message.k):
        return ""
    if image is not None and (message.width, message.height) != (image.width, image.height):
        return (
            f"camera_info is for {message.width}x{message.height} but the image is "
            f"{image.width}x{image.height}, so it is not used; publish that of this resolution"
        )
    matrix = _matrix(message, rectified)
    if not _makes_rays(matrix):
        return (
            f"camera_info has {'p' if rectified else 'k'} = {matrix.tolist()} and is not used; fx "
            "and fy must be positive, what lies below them 0 and the last 1: calibrate the camera"
        )
    return _distortion_problem(message) if any(message.d) and not rectified else ""


def _distortion_problem(message: Any) -> str:
    if message.distortion_model not in DISTORTIONS or len(message.d) not in COEFFICIENTS:
        return (
            f"camera_info has distortion_model {message.distortion_model!r} with {len(message.d)} "
            f"coefficients and is not used; known are {', '.join(DISTORTIONS)}: rectify image, "
            "mask and depth (image_proc) and set rectified"
        )
    if not np.isfinite(message.d).all():
        return "camera_info has d with NaN or inf and is not used; calibrate the camera"
    return ""


def _matrix(message: Any, rectified: bool) -> NDArray[np.float64]:
    if rectified:
        return np.array(message.p, np.float64).reshape(3, 4)[:, :3]
    return np.array(message.k, np.float64).reshape(3, 3)


def _makes_rays(matrix: NDArray[np.float64]) -> bool:
    """Whether it can turn pixels into rays: fx, fy above 0, below them 0, last 1."""
    focal = matrix[0, 0] > 0 and matrix[1, 1] > 0
    below = matrix[1, 0] == matrix[2, 0] == matrix[2, 1] == 0 and matrix[2, 2] == 1
    return bool(np.isfinite(matrix).all() and focal and below)


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
