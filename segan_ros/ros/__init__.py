"""The lifecycle node `segan`: the only room of the package that knows ROS."""
