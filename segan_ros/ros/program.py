"""The program around the node: it runs until a signal, and leaves no request unanswered."""

from __future__ import annotations

import logging
import signal
import sys
import time
import traceback
from types import FrameType

import rclpy
from rclpy.executors import Executor, ExternalShutdownException, SingleThreadedExecutor
from rclpy.signals import SignalHandlerOptions

from segan_ros.ros.node import SeganNode
from segan_ros.ros.throttled_log import RosHandler

LAST_ANSWERS, LAST_REQUESTS, QUIET = 5.0, 2.0, 1.0
"""Seconds: at its end the program answers open requests for so long at most, takes new ones for so
long at most, and ends when for so long none came in and none was answered."""


def main(args: list[str] | None = None) -> int:
    """Run the node until SIGINT or SIGTERM; `args` are for ROS."""
    stopped = False

    def stop(_: int, __: FrameType | None) -> None:
        nonlocal stopped
        stopped = True
        for each in (signal.SIGINT, signal.SIGTERM):
            signal.signal(each, signal.SIG_DFL)  # whoever asks twice does not want to wait

    # With rclpy's handlers the context would be gone before the frame in work is published.
    try:
        rclpy.init(args=args, signal_handler_options=SignalHandlerOptions.NO)
    except RuntimeError as error:
        print(f"segan_node: ROS cannot start: {error}", file=sys.stderr)
        return 1
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, stop)
    node = SeganNode()
    logging.basicConfig(level=logging.INFO, handlers=[RosHandler(node.get_logger())])
    executor = SingleThreadedExecutor()
    executor.add_node(node)
    node.start(lambda: stopped)
    while not stopped and rclpy.ok():
        try:
            # The timeout is for the signals, which Python handles between two calls only.
            _spin_once(node, executor, 0.2)
        except ExternalShutdownException:
            break
    if node.state != "finalized":
        node.trigger_shutdown()
    if rclpy.ok():
        _answer_all(node, executor)
    executor.shutdown()
    node.destroy_node()
    rclpy.try_shutdown()
    return 0


def _spin_once(node: SeganNode, executor: Executor, timeout: float) -> None:
    try:
        executor.spin_once(timeout_sec=timeout)
    except ExternalShutdownException:
        raise
    except Exception:
        node.counters.throttled.error(
            "internal_error", f"a callback failed: {traceback.format_exc()}"
        )


def _answer_all(node: SeganNode, executor: Executor) -> None:
    """Who asked before the end gets an answer; nobody's client waits for ever."""
    # Requests that came in while the node shut down are not taken yet.
    begin = last = now = time.monotonic()
    before = node.requests
    while now < min(begin + LAST_ANSWERS, last + QUIET):
        _spin_once(node, executor, 0.1)
        now = time.monotonic()
        taken, answered = node.requests
        if taken > answered or (now < begin + LAST_REQUESTS and (taken, answered) != before):
            last, before = now, (taken, answered)


if __name__ == "__main__":
    sys.exit(main())
