"""Asks what to lift before one object can be lifted: `ros2 run segan_ros what_is_on_top 7`."""

from __future__ import annotations

import argparse
import sys

import rclpy
from builtin_interfaces.msg import Duration
from rclpy.client import Client
from rclpy.node import Node
from rclpy.utilities import remove_ros_args

from segan_ros.srv import GetRemovalOrder

PATIENCE = 10.0
"""Seconds to wait for the service, and for its answer."""


def main() -> int:
    """Ask once; returns 0 if there was an answer."""
    parser = argparse.ArgumentParser(description="What to lift before an object can be lifted.")
    parser.add_argument("id", type=int, help="id of the object in the instance mask")
    parser.add_argument(
        "--min-score", type=float, default=0.0, help="ignore edges below this score, 0..1"
    )
    parser.add_argument(
        "--max-age", type=int, default=0, help="use only frames up to this many seconds old"
    )
    args = parser.parse_args(remove_ros_args(sys.argv)[1:])
    rclpy.init()
    node = Node("what_is_on_top")
    try:
        return ask(
            node,
            GetRemovalOrder.Request(
                target_id=args.id, min_score=args.min_score, max_age=Duration(sec=args.max_age)
            ),
        )
    finally:
        rclpy.try_shutdown()


def ask(node: Node, request: GetRemovalOrder.Request) -> int:
    """Print the answer, or why there is none."""
    client: Client = node.create_client(GetRemovalOrder, "segan/removal_order")
    if not client.wait_for_service(PATIENCE):
        remedy = "start the node: ros2 launch segan_ros segan.launch.py"
        print(f"no service segan/removal_order; {remedy}", file=sys.stderr)
        return 1
    future = client.call_async(request)
    rclpy.spin_until_future_complete(node, future, timeout_sec=PATIENCE)
    answer = future.result()
    if answer is None or not answer.success:
        print(answer.message if answer else f"no answer within {PATIENCE:g} s", file=sys.stderr)
        return 1
    *before, target = answer.removal_order
    if before:
        print(f"lift before {target}, in this order:", *before)
    else:
        print(f"{target} can be lifted first")
    for edge in answer.edges:
        print(
            f"  {edge.occluder_id} occludes {edge.overlap_ratio:.0%} of {edge.occludee_id}"
            f" (score {edge.score:.2f})"
        )
    return 0
