"""Boxes and points as messages, and on request, as a grasp planner gets them."""

import numpy as np
import pytest
from scipy.spatial.transform import Rotation

pytestmark = pytest.mark.ros
pytest.importorskip("rclpy")

from plates import plate  # noqa: E402
from ros_harness import START, image_and_mask, image_message, listen  # noqa: E402
from sensor_msgs.msg import CameraInfo, PointCloud2  # noqa: E402
from std_msgs.msg import Header  # noqa: E402

from segan_ros.frame import CompletedScene, OcclusionGraph  # noqa: E402
from segan_ros.geometry.standing_boxes import standing_boxes  # noqa: E402
from segan_ros.ros.space import to_boxes, to_points  # noqa: E402
from segan_ros.srv import CompleteObjects  # noqa: E402

HEADER = Header(frame_id="camera_color_optical_frame")


def scene_of_a_plate(depth: float = 2.0):
    frame, item = plate(np.full((240, 320), depth))
    return frame, CompletedScene(frame.size, (item,), OcclusionGraph((1,), (0,), (), True, (1,)))


def records(cloud: PointCloud2) -> np.ndarray:
    """The points as a reader finds them by the names, offsets and types of the fields."""
    kinds = {6: "<u4", 7: "<f4"}
    layout = {
        "names": [f.name for f in cloud.fields],
        "formats": [kinds[f.datatype] for f in cloud.fields],
        "offsets": [f.offset for f in cloud.fields],
        "itemsize": cloud.point_step,
    }
    return np.frombuffer(bytes(cloud.data), np.dtype(layout))


def test_box_message_is_the_plate():
    (box,) = to_boxes(standing_boxes(*scene_of_a_plate()), HEADER).boxes
    assert box.id == 1
    assert box.pose.position.z == pytest.approx(2.0)
    assert (box.size.x, box.size.y) == pytest.approx((0.396, 0.156))
    assert (box.measured.x, box.measured.y, box.measured.z) == (1, 1, 1) and not box.truncated
    turned = Rotation.from_quat([getattr(box.pose.orientation, k) for k in "xyzw"])
    np.testing.assert_allclose(abs(turned.apply([1, 0, 0])), [1, 0, 0], atol=1e-6)


def test_object_without_depth_has_no_box_and_no_points():
    frame, scene = scene_of_a_plate(np.nan)
    assert to_boxes(standing_boxes(frame, scene), HEADER).boxes == []
    assert to_points(frame, scene, HEADER).width == 0


def test_points_are_read_back_by_their_fields():
    frame, scene = scene_of_a_plate()
    frame.rgb[:] = (10, 200, 30)
    cloud = to_points(frame, scene, HEADER)
    found = records(cloud)
    assert cloud.header == HEADER
    assert len(found) == cloud.width == 100 * 40
    np.testing.assert_allclose(found["z"], 2.0)
    np.testing.assert_allclose(found["x"].max(), (209 - 160) * 2 / 500, rtol=1e-6)
    np.testing.assert_array_equal(found["id"], 1)
    bits = found["rgb"].view(np.uint32)
    np.testing.assert_array_equal(bits, 10 << 16 | 200 << 8 | 30)


def camera_info(width: int, height: int) -> CameraInfo:
    k = [100.0, 0.0, width / 2, 0.0, 100.0, height / 2, 0.0, 0.0, 1.0]
    return CameraInfo(width=width, height=height, k=k)


def request(**extra):
    image, mask = image_and_mask()
    depth = image_message(np.full((image.height, image.width), 900, np.uint16), "16UC1")
    camera = camera_info(image.width, image.height)
    return CompleteObjects.Request(
        image=image, labels=mask, depth=depth, camera_info=camera, **extra
    )


def test_service_gives_boxes_and_the_points_of_the_objects_asked_for(start_node, robot):
    start_node()
    answer = robot.ask(
        CompleteObjects, "/segan/complete", request(with_points=True, object_ids=[7])
    )
    assert answer.success, answer.message
    assert [b.id for b in answer.boxes.boxes] == [7]
    assert answer.boxes.header == answer.graph.header
    found = records(answer.points)
    assert set(found["id"]) == {7}
    np.testing.assert_allclose(found["z"], 0.9)


def test_points_without_depth_are_refused_with_a_remedy(start_node, robot):
    start_node()
    asked = request(with_points=True)
    asked.camera_info = CameraInfo()
    answer = robot.ask(CompleteObjects, "/segan/complete", asked)
    assert not answer.success
    text = (
        "no points: the frame has no calibrated camera_info; publish depth and a calibrated camera_"
    )
    assert answer.message.startswith(text)


def test_topics_carry_boxes_and_points_of_each_frame(start_node, robot, monkeypatch):
    measured = []

    def measure(frame, scene):
        measured.extend(o.id for o in scene.objects)
        return standing_boxes(frame, scene)

    monkeypatch.setattr("segan_ros.ros.outputs.standing_boxes", measure)
    node = start_node(use_depth="always")
    boxes, points, markers = listen(robot, node, "boxes", "points", "markers")
    asked = request()
    camera = robot.camera("camera_info", CameraInfo)
    camera.publish(asked.camera_info)
    robot.wait(lambda: node.tally("camera_info").received, "camera_info")
    robot.camera("depth").publish(asked.depth)
    robot.send(asked.image, asked.labels)
    robot.wait(lambda: boxes and points and markers, "boxes, points and markers")
    assert measured == [3, 7], "each box is worked out once"
    assert [b.id for b in boxes[0].boxes] == [3, 7]
    assert boxes[0].header == points[0].header == asked.image.header
    assert set(records(points[0])["id"]) == {3, 7}
    assert boxes[0].header.stamp.sec == START // 1_000_000_000
