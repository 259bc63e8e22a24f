"""Arrays -> sensor_msgs/Image."""

from __future__ import annotations
