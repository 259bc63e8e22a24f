"""Topics that carry another type than the node subscribes to: DDS tells neither side of it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from rclpy.node import Node
from rclpy.subscription import Subscription

from segan_ros.messages.kinds import COMPRESSED, IMAGE
from segan_ros.messages.segmenters import LABEL_IMAGE, SEGMENTERS
from segan_ros.ros.synchronizer import MASK


def type_problems(node: Node, inputs: Mapping[str, Subscription]) -> Iterator[str]:
    """Of each input that only has publishers of other types: what they are, with the remedy.

    Args:
        node: asks the network.
        inputs: the subscription of each.
    """
    for name, subscription in inputs.items():
        topic, expected = subscription.topic_name, _type_of(subscription)
        carried = {p.topic_type for p in node.get_publishers_info_by_topic(topic)}
        if carried and expected not in carried:
            found = min(carried)
            yield f"{topic} carries {found}, not {expected}: {_remedy(name, found)}"


def _type_of(subscription: Subscription) -> str:
    kind: Any = subscription.msg_type
    return f"{kind.__module__.partition('.')[0]}/msg/{kind.__name__}"


def _remedy(name: str, carried: str) -> str:
    if name != MASK or carried == COMPRESSED:
        return f"remap {name}, or correct its publisher"
    fitting = [LABEL_IMAGE] * (carried == IMAGE)
    fitting += [s for s, segmenter in SEGMENTERS.items() if segmenter.type == carried]
    if fitting:
        return f"set segmenter to {' or '.join(fitting)}"
    return (
        f"set segmenter to masks and segmenter_type to {carried} if it has a field "
        "`sensor_msgs/Image[] masks`, or remap the topic"
    )
