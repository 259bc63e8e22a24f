"""ROS messages <-> plain data, both ways, for rclpy and `rosbags` alike. No rclpy."""
