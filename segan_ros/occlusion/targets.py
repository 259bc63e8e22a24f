"""The object that is wanted, by id, track or class, and what has to be lifted before it."""

from __future__ import annotations

import numpy as np

from segan_ros.frame import AmodalObject, CompletedScene
from segan_ros.occlusion.graph import removal_order
from segan_ros.occlusion.sequences import cheapest, sequence_probability


class UnknownTargetError(ValueError):
    """No object of the scene can be lifted under this name or id."""


def order_to(
    scene: CompletedScene, wanted: int | str, min_score: float = 0.0
) -> tuple[tuple[int, ...], str]:
    """What to lift before the object `wanted`, and a remark where several fit the name or something
    without a mask hides one of those to lift.

    Of all that blocks its lift, directly or not, what is safer left in place is left out.

    Of several, the one is taken whose sequence most likely disturbs nothing, then the one with the
    shortest sequence, then the one that the scene's order lifts first.

    Args:
        scene: its graph and objects.
        wanted: an id; or a track id, else a name, else an id as text.
        min_score: edges below this score are ignored.

    Returns:
        Ids, the one that is wanted last; and the remark, which may be empty.

    Raises:
        UnknownTargetError: nothing in the scene fits, or it is not to be lifted.
    """
    found = _fitting(scene, wanted)
    orders = [cheapest(scene.graph, removal_order(scene.graph, o.id, min_score)) for o in found]
    place = scene.graph.removal_order.index

    def preference(order: tuple[int, ...]) -> tuple[float, int, int]:
        probability = sequence_probability(scene.graph, order)
        return -np.nan_to_num(probability), len(order), place(order[-1])

    best = min(orders, key=preference)
    remarks = []
    if len(found) > 1:
        ids = ", ".join(str(o.id) for o in found)
        remarks.append(
            f"{len(found)} objects are {wanted!r}: {ids}; {best[-1]} is the safest to reach"
        )
    remarks += [
        f"something without a mask lies on or in front of {o.label}"
        for o in scene.objects
        if o.occluded_by_unlabelled and o.id in best
    ]
    return best, "; ".join(remarks)


def _fitting(scene: CompletedScene, wanted: int | str) -> list[AmodalObject]:
    text = str(wanted)
    fitting: list[AmodalObject] = []
    if isinstance(wanted, str) and wanted:
        fitting = [o for o in scene.objects if o.track_id == wanted] or [
            o for o in scene.objects if o.name == wanted
        ]
    found = fitting or [o for o in scene.objects if str(o.id) == text]
    if lifted := [o for o in found if not o.occluder_only]:
        return lifted
    there = ", ".join(o.label for o in scene.objects if not o.occluder_only) or "no object to lift"
    if found:
        raise UnknownTargetError(
            f"{found[0].label} is occluder-only, not to be lifted; the frame has {there}"
        )
    if not wanted:
        raise UnknownTargetError(
            f"target_id is 0 and target is empty: set one; the frame has {there}"
        )
    asked = f"target_id is {wanted}" if isinstance(wanted, int) else f"target is {wanted!r}"
    raise UnknownTargetError(f"{asked}, but the frame has {there}")
