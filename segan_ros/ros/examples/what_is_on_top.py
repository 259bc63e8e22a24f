"""Says what must go before one object can be lifted: `ros2 run segan_ros what_is_on_top 7`."""

from __future__ import annotations

import argparse
import sys

import rclpy
from rclpy.client import Client
from rclpy.node import Node
from rclpy.utilities import remove_ros_args

from segan_ros.srv import GetRemovalOrder

PATIENCE = 10.0
"""Seconds to wait for the service, and for its answer."""


def main() -> int:
    """Ask once; 0 if there was an answer."""
    parser = argparse.ArgumentParser(description="What must go before an object can be lifted.")
    parser.add_argument("id", type=int, help="value of the object in the instance mask")
    parser.add_argument("--min-score", type=float, default=0.0, help="ignore weaker edges, 0..1")
    args = parser.parse_args(remove_ros_args(sys.argv)[1:])
    rclpy.init()
    node = Node("what_is_on_top")
    try:
        return ask(node, GetRemovalOrder.Request(target_id=args.id, min_score=args.min_score))
    finally:
        rclpy.try_shutdown()


def ask(node: Node, request: GetRemovalOrder.Request) -> int:
    """Print the answer, or why there is none."""
    client: Client = node.create_client(GetRemovalOrder, "segan/removal_order")
    if not client.wait_for_service(PATIENCE):
        print("no service segan/removal_order: is the node running?", file=sys.stderr)
        return 1
    future = client.call_async(request)
    rclpy.spin_until_future_complete(node, future, timeout_sec=PATIENCE)
    answer = future.result()
    if answer is None or not answer.success:
        print(answer.message if answer else "the node does not answer", file=sys.stderr)
        return 1
    *before, target = answer.removal_order
    if before:
        print(f"before {target}, lift in this order:", *before)
    else:
        print(f"nothing must go before {target}")
    for edge in answer.edges:
        print(
            f"  {edge.occluder_id} hides {edge.overlap_ratio:.0%} of {edge.occludee_id}"
            f" (score {edge.score:.2f})"
        )
    return 0
