"""Questions to the node. A request that cannot be answered gets success=false and the reason."""

from __future__ import annotations

import traceback
from collections.abc import Awaitable, Callable
from concurrent.futures import Future
from functools import wraps
from typing import Any

from rclpy.callback_groups import ReentrantCallbackGroup
from rclpy.node import Node
from rclpy.task import Future as RosFuture

from segan_ros.frame import CompletedScene, Frame
from segan_ros.geometry.standing_boxes import standing_boxes
from segan_ros.masks.layering import Choice
from segan_ros.masks.reading import mask_reader
from segan_ros.messages.answers import edge_message, graph_message, objects_message
from segan_ros.messages.bridge import to_array
from segan_ros.messages.camera import to_camera
from segan_ros.messages.frames import Reading, check_depth
from segan_ros.messages.images import MessageError, check, check_same_size
from segan_ros.messages.segmenters import LABEL_IMAGE
from segan_ros.occlusion.graph import reaches
from segan_ros.occlusion.sequences import sequence_probability
from segan_ros.occlusion.targets import UnknownTargetError, order_to
from segan_ros.ros.answers import Paint
from segan_ros.ros.interface import COMPLETE, ENABLE, RELOAD, REMOVAL_ORDER
from segan_ros.ros.loader import Busy
from segan_ros.ros.pipeline import Pipeline, age_problem
from segan_ros.ros.snapshots import Snapshot
from segan_ros.ros.space import to_boxes, to_points
from segan_ros.ros.worker import WorkerStopped

Wait = Callable[[Future[Any]], Awaitable[Any]]
"""Waits for the result without holding up the executor."""


class Refused(ValueError):
    """The request cannot be answered; the message says why."""


def not_serving(node: str, state: str) -> Refused:
    """Why requests are not answered, and how to go on.

    Args:
        node: full name.
        state: label of its lifecycle state; an active node was disabled.
    """
    if state == "active":
        call = f"ros2 service call {node}/enable std_srvs/srv/SetBool '{{data: true}}'"
        return Refused(f"the node is disabled; {call}")
    steps = {"unconfigured": ("configure", "activate"), "inactive": ("activate",)}
    commands = [f"ros2 lifecycle set {node} {step}" for step in steps.get(state, ())]
    return Refused("; ".join([f"the node is {state}", *commands]))


def answered(callback: Callable[..., Awaitable[Any]]) -> Callable[..., Awaitable[Any]]:
    """Turn every error of a service into an answer."""

    @wraps(callback)
    async def wrapper(self: Services, request: Any, response: Any) -> Any:
        self.taken += 1
        try:
            return await callback(self, request, response)
        except (MessageError, Refused, Busy, WorkerStopped, OverflowError) as error:
            response.message = str(error)
        except Exception as error:
            self.node.get_logger().error(f"a request failed:\n{traceback.format_exc()}")
            response.message = f"internal error: {error!r}; the node's log has the traceback"
        finally:
            self.answered += 1
        response.success = False
        return response

    return wrapper


class Services:
    """``~/complete``, ``~/removal_order``, ``~/enable`` and ``~/reload``, as long as the node is.

    `taken` counts the requests that came in, `answered` those of them that are done with.

    Args:
        node: offers them.
        serving: gives the running pipeline; raises `Refused` where the node does not serve.
        enable: called with the new state; returns what to answer.
        reload: loads the model again; returns what to answer.
    """

    def __init__(
        self,
        node: Node,
        serving: Callable[[], Pipeline],
        enable: Callable[[bool], str],
        reload: Callable[[Wait], Awaitable[str]],
    ) -> None:
        self.node, self._serving, self._enable, self._load = node, serving, enable, reload
        self.taken = self.answered = 0
        # An answer may take as long as the networks; others must not wait for it.
        group = ReentrantCallbackGroup()
        for service, callback in (
            (COMPLETE, self._complete),
            (REMOVAL_ORDER, self._removal_order),
            (ENABLE, self._set_enabled),
            (RELOAD, self._reload),
        ):
            node.create_service(service.kind, service.name, callback, callback_group=group)

    @answered
    async def _complete(self, request: Any, response: Any) -> Any:
        pipeline = self._serving()
        ids = set(request.object_ids)
        if request.use_latest:
            snapshot = self._latest(pipeline, request)
        else:
            rectified, scale, occluders = (
                self.node.get_parameter(n).value
                for n in ("rectified", "depth_scale", "occluder_ids")
            )
            masks = mask_reader(LABEL_IMAGE, Choice(occluder_ids=frozenset(occluders) - {0}))
            reading = Reading(rectified, scale, True, to_array, masks)
            snapshot = _snapshot_of(request, reading)
        if snapshot.camera is not None:
            camera = to_camera(snapshot.camera, snapshot.image, snapshot.reading.rectified)
            response.message = camera.remark
        paint: Paint = (ids or True) if request.with_appearance else False

        def answer(frame: Frame, scene: CompletedScene) -> None:
            known = set(scene.graph.object_ids)
            if not ids <= known:
                raise Refused(
                    f"object_ids has {sorted(ids - known)}, but the frame has {sorted(known)}"
                )
            response.objects = objects_message(scene, snapshot.header, ids or None)
            if not request.with_appearance:
                for item in response.objects.objects:
                    item.appearance = type(item.appearance)()
            response.graph = graph_message(scene.graph, snapshot.header)
            response.boxes = to_boxes(standing_boxes(frame, scene, ids or None), snapshot.header)
            needed = {"depth": frame.depth, "calibrated camera_info": frame.camera_matrix}
            missing = [name for name, value in needed.items() if value is None]
            if missing and not response.message:
                response.message = f"no boxes: the frame has no {' and no '.join(missing)}"
            if request.with_points:
                if missing:
                    raise Refused(
                        f"no points: the frame has no {' and no '.join(missing)}; publish "
                        "depth and a calibrated camera_info, or ask without with_points"
                    )
                response.points = to_points(frame, scene, snapshot.header, ids or None)

        await self._done(pipeline.ask(snapshot, paint, answer))
        response.success = True
        return response

    @answered
    async def _removal_order(self, request: Any, response: Any) -> Any:
        pipeline = self._serving()
        if not 0 <= request.min_score <= 1:
            raise Refused(f"min_score is {request.min_score:g}; set it to a value in 0 .. 1")
        snapshot = self._latest(pipeline, request)

        def answer(_: Frame, scene: CompletedScene) -> None:
            graph = scene.graph
            try:
                order, response.message = order_to(
                    scene, request.target_id or request.target, request.min_score
                )
            except UnknownTargetError as error:
                raise Refused(str(error)) from None
            place = {object_id: n for n, object_id in enumerate(order)}
            response.header = snapshot.header
            response.removal_order = list(order)
            for e in (*graph.edges, *graph.supports):
                if e.blocks_lift and e.occludee_id in place:
                    goes_first = place.get(e.occluder_id, len(order)) < place[e.occludee_id]
                    if not goes_first:
                        response.set_aside.append(edge_message(e))
                    elif reaches(e, request.min_score):
                        response.edges.append(edge_message(e))
            response.lift_probability = sequence_probability(graph, order)

        await self._done(pipeline.ask(snapshot, False, answer))
        response.success = True
        return response

    @answered
    async def _set_enabled(self, request: Any, response: Any) -> Any:
        response.message = self._enable(request.data)
        response.success = True
        return response

    @answered
    async def _reload(self, request: Any, response: Any) -> Any:
        response.message = await self._load(self._done)
        response.success = True
        return response

    def _latest(self, pipeline: Pipeline, request: Any) -> Snapshot:
        """The latest frame, unless it is older than the request, or the node, allows."""
        limit, name = request.max_age.sec + request.max_age.nanosec * 1e-9, "max_age"
        if limit < 0:
            raise Refused(f"max_age is {limit:g} s; it must not be negative")
        if not limit:
            limit, name = self.node.get_parameter("request_max_age").value, "request_max_age"
        snapshot = pipeline.latest
        if snapshot is None:
            raise Refused(
                "no frame yet: no image and instance_mask with the same stamp were received"
            )
        if problem := age_problem(pipeline.age(snapshot), limit, name):
            more = "; or set max_age in the request" if name == "request_max_age" else ""
            raise Refused(f"the latest frame is not used: {problem}{more}")
        return snapshot

    async def _done(self, future: Future[Any]) -> Any:
        """Wait for the worker without holding up the executor."""
        waiting: RosFuture = RosFuture()
        executor = self.node.executor

        def wake(_: Future[Any]) -> None:
            waiting.set_result(None)
            if executor is not None:
                executor.wake()

        future.add_done_callback(wake)
        await waiting
        return future.result()


def _snapshot_of(request: Any, reading: Reading) -> Snapshot:
    """The images of a request, checked."""
    if not request.image.data:
        raise MessageError(
            "empty", "the request has no image; send image and labels, or set use_latest"
        )
    check(request.image, "image")
    check(request.labels, "instance_mask", "labels")
    check_same_size(request.image, request.labels, "labels")
    depth = request.depth if request.depth.data else None
    if depth is not None:
        check_depth(request.image, depth)
    return Snapshot(request.image, request.labels, depth, request.camera_info, reading=reading)
