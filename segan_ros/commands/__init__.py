"""Commands of `segan` that need neither torch nor ROS."""
