"""The least that a ROS 2 node in Python can do with an image: send it out again."""

import signal
from threading import Event

import rclpy
from rclpy.executors import SingleThreadedExecutor
from rclpy.node import Node
from rclpy.qos import QoSProfile, ReliabilityPolicy
from rclpy.signals import SignalHandlerOptions
from sensor_msgs.msg import Image


def main() -> None:
    """Echo ``echo/in`` to ``echo/out`` with segan's QoS until SIGINT or SIGTERM."""
    # rclpy's own handlers now and then leave the process hanging at its end.
    rclpy.init(signal_handler_options=SignalHandlerOptions.NO)
    stopped = Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: stopped.set())
    node = Node("echo")
    publisher = node.create_publisher(
        Image, "echo/out", QoSProfile(depth=5, reliability=ReliabilityPolicy.RELIABLE)
    )
    camera = QoSProfile(depth=1, reliability=ReliabilityPolicy.BEST_EFFORT)
    node.create_subscription(Image, "echo/in", publisher.publish, camera)
    executor = SingleThreadedExecutor()
    executor.add_node(node)
    while not stopped.is_set():
        executor.spin_once(timeout_sec=0.2)
    executor.shutdown()
    node.destroy_node()
    rclpy.shutdown()


if __name__ == "__main__":
    main()
