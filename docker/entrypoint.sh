#!/bin/sh
# The command, with ROS 2 and this workspace sourced.
set -e
. "/opt/ros/$ROS_DISTRO/setup.sh"
. /ws/install/setup.sh
exec "$@"
