"""Where ROS writes its log: below the home folder, without which rclpy does not start."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Mapping
from pathlib import Path


def spare_log_folder(environment: Mapping[str, str]) -> dict[str, str]:
    """``ROS_LOG_DIR`` for a process in `environment` that has nowhere to write its log to.

    Empty where ROS finds a place, and where the user chose one: if that is of no use, ROS says so.
    """
    if environment.get("ROS_LOG_DIR") or environment.get("ROS_HOME"):
        return {}
    home = environment.get("HOME")
    if home and _is_writable(Path(home) / ".ros" / "log"):
        return {}
    return {"ROS_LOG_DIR": f"{tempfile.gettempdir()}/ros-log-{os.getuid()}"}


def _is_writable(folder: Path) -> bool:
    """Whether it is there, made if needed, and takes files."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=folder):
            return True
    except OSError:
        return False
