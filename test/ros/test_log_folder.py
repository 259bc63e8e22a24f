"""ROS gets a place for its log where the user has none."""

import os
import tempfile
from pathlib import Path

import pytest

pytest.importorskip("rclpy")

from segan_ros.ros.log_folder import spare_log_folder


@pytest.mark.parametrize("chosen", ["ROS_LOG_DIR", "ROS_HOME"])
def test_what_the_user_chose_stays(chosen):
    assert spare_log_folder({chosen: "/nowhere"}) == {}


def test_home_is_used_where_it_can_be_written(tmp_path):
    assert spare_log_folder({"HOME": str(tmp_path)}) == {}


@pytest.mark.parametrize("environment", [{}, {"HOME": ""}, {"HOME": "/dev/null"}])
def test_without_a_writable_home_the_log_goes_to_a_temporary_folder(environment):
    spare = Path(spare_log_folder(environment)["ROS_LOG_DIR"])
    assert spare.parent == Path(tempfile.gettempdir()) and str(os.getuid()) in spare.name
