"""All that imports rclpy: both nodes, examples, and the peer that replays and tests talk with."""
