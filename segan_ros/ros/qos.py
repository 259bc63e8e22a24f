"""QoS of one subscription or publisher: the node's own, changed by `qos_overrides` parameters."""

from __future__ import annotations

from copy import copy
from typing import Any

from rclpy.node import Node
from rclpy.qos import (
    DurabilityPolicy,
    HistoryPolicy,
    LivelinessPolicy,
    QoSPolicyKind,
    QoSProfile,
    ReliabilityPolicy,
)
from rclpy.qos_overriding_options import QoSOverridingOptions

LATCHED = QoSProfile(
    depth=1, reliability=ReliabilityPolicy.RELIABLE, durability=DurabilityPolicy.TRANSIENT_LOCAL
)
"""Whoever comes late gets the last message."""

LIVE = QoSProfile(depth=5, reliability=ReliabilityPolicy.RELIABLE)
"""Best-effort and reliable subscribers both match."""

PREFIX = "qos_overrides"

_CHOICES = {
    QoSPolicyKind.HISTORY: HistoryPolicy,
    QoSPolicyKind.RELIABILITY: ReliabilityPolicy,
    QoSPolicyKind.DURABILITY: DurabilityPolicy,
    QoSPolicyKind.LIVELINESS: LivelinessPolicy,
}
_LEAST = {
    QoSPolicyKind.DEPTH: (1, "messages"),
    QoSPolicyKind.DEADLINE: (0, "nanoseconds"),
    QoSPolicyKind.LIFESPAN: (0, "nanoseconds"),
    QoSPolicyKind.LIVELINESS_LEASE_DURATION: (0, "nanoseconds"),
}
_POLICIES = {kind.name.lower(): kind for kind in (*_CHOICES, *_LEAST)}


def with_overrides(node: Node, endpoint: str, topic: str, profile: QoSProfile) -> dict[str, Any]:
    """Arguments of `create_subscription` or `create_publisher` that say the QoS of `topic`.

    Only policies that are overridden become parameters: rclpy would keep the others at the values
    of the first activation, whatever is set afterwards.

    Args:
        node: holds the overrides.
        endpoint: ``subscription`` or ``publisher``.
        topic: as it is given to the node, before remapping.
        profile: QoS without overrides; it is left as it is.
    """
    resolved = node.resolve_topic_name(topic)
    kinds = [
        kind
        for policy, kind in _POLICIES.items()
        if (name := f"{PREFIX}.{resolved}.{endpoint}.{policy}") in _given(node)
        and not _problem(name, _given(node)[name])
    ]
    options = QoSOverridingOptions(kinds)
    return {"qos_profile": copy(profile), "qos_overriding_options": options}


def override_problems(node: Node) -> dict[str, str]:
    """By name, why overrides cannot be used: value, limit and remedy."""
    found = {name: _problem(name, value) for name, value in _given(node).items()}
    return {name: problem for name, problem in found.items() if problem}


def warn_of_unused_overrides(node: Node) -> None:
    """Log the overrides that no subscription or publisher of the node has asked for so far."""
    for name in sorted(name for name in _given(node) if not node.has_parameter(name)):
        node.get_logger().warning(
            f"parameter {name!r} has no effect: it names no QoS policy of a topic that the "
            "node subscribes to or publishes; ros2 node info lists them"
        )


def _given(node: Node) -> dict[str, Any]:
    # rclpy has no public door to the overrides of parameters that are not declared.
    overrides = node._parameter_overrides
    return {n: p.value for n, p in overrides.items() if n.partition(".")[0] == PREFIX}


def _problem(name: str, value: Any) -> str:
    kind = _POLICIES.get(name.rpartition(".")[2])
    if kind in _CHOICES:
        choices = [c for c in _CHOICES[kind].short_keys() if c != "unknown"]
        if value not in choices:
            return f"{name} is {value!r}; choose one of {', '.join(choices)} and restart the node"
    elif kind in _LEAST:
        least, unit = _LEAST[kind]
        if type(value) is not int or value < least:
            return (
                f"{name} is {value!r}; it must be an integer of at least {least} ({unit}): correct "
                "it and restart the node"
            )
    return ""
