"""The program `segan_node`: runs the node until a signal, and answers open requests before exit."""

from __future__ import annotations

import logging
import os
import signal
import sys
import time
import traceback
from types import FrameType

import rclpy
from rclpy.executors import Executor, ExternalShutdownException, SingleThreadedExecutor
from rclpy.signals import SignalHandlerOptions

from segan_ros.ros.command_line import check_arguments, parameter_files
from segan_ros.ros.log_folder import spare_log_folder
from segan_ros.ros.node import SeganNode
from segan_ros.ros.parameter_files import mismatch
from segan_ros.ros.throttled_log import RosHandler

LAST_ANSWERS, LAST_REQUESTS, QUIET = 5.0, 2.0, 1.0
"""Seconds, at exit: open requests are answered for at most the first, new ones accepted for at most
the second; the program ends once nothing came in or was answered for the third."""


def main(args: list[str] | None = None) -> int:
    """Run the node until SIGINT or SIGTERM.

    Args:
        args: command line, program name first; by default that of the process.
    """
    args = sys.argv if args is None else args
    stopped = False

    def stop(_: int, __: FrameType | None) -> None:
        nonlocal stopped
        stopped = True
        for each in (signal.SIGINT, signal.SIGTERM):
            signal.signal(each, signal.SIG_DFL)  # a second signal ends it at once

    try:
        check_arguments(args)
        os.environ.update(spare_log_folder(os.environ))
        # With rclpy's handlers the context would be gone before the frame in work is published.
        rclpy.init(args=args, signal_handler_options=SignalHandlerOptions.NO)
    except RuntimeError as error:
        # An unknown ROS argument comes as a list of words.
        print(f"segan_node: ROS cannot start with these arguments: {error}", file=sys.stderr)
        return 1
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, stop)
    node = SeganNode()
    logging.basicConfig(level=logging.INFO, handlers=[RosHandler(node.get_logger())])
    for path in parameter_files(args):
        if problem := mismatch(path, node.get_fully_qualified_name()):
            node.get_logger().warning(problem)
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
    """Answer pending requests before exit, so that no client waits for ever."""
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
