"""Asks what to lift before one object: `ros2 run segan_ros what_is_on_top 7`, or `... cup`."""

from __future__ import annotations

import argparse
import sys

import rclpy
from builtin_interfaces.msg import Duration
from rclpy.client import Client
from rclpy.node import Node
from rclpy.utilities import remove_ros_args

from segan_ros.msg import OcclusionEdge
from segan_ros.srv import GetRemovalOrder

PATIENCE = 10.0
"""Seconds to wait for the service, and for its answer."""


def main() -> int:
    """Ask once; returns 0 if there was an answer."""
    parser = argparse.ArgumentParser(description="What to lift before an object can be lifted.")
    parser.add_argument(
        "target", help="the object: its id in the instance mask, its track id or its class"
    )
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
                target_id=int(args.target) if args.target.isdecimal() else 0,
                target=args.target,
                min_score=args.min_score,
                max_age=Duration(sec=args.max_age),
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
    if answer.message:
        print(answer.message)
    *before, target = answer.removal_order
    if before:
        print(f"lift before {target}, in this order:", *before)
    else:
        print(f"{target} can be lifted first")
    for edge in answer.edges:
        print(f"  {_said(edge)}")
    for edge in answer.set_aside:
        print(f"  set aside: {_said(edge)}")
    print(f"probability that nothing else is disturbed: {answer.lift_probability:.2f}")
    return 0


def _said(edge: OcclusionEdge) -> str:
    """An edge in words."""
    if edge.evidence == OcclusionEdge.EVIDENCE_SUPPORT:
        return f"{edge.occluder_id} lies on {edge.occludee_id} (score {edge.score:.2f})"
    share = f"{edge.overlap_ratio:.0%} of {edge.occludee_id} (score {edge.score:.2f})"
    return f"{edge.occluder_id} occludes {share}"
