"""Messages of segmenters become masks, names and scores; bad ones are refused or counted."""

import time
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest

pytest.importorskip("rosbags")

from foreign_messages import foreign_message

from segan_ros.instances import EMPTY, FEW_POINTS, NO_MASK, NO_NUMBERS, OUTSIDE
from segan_ros.messages.images import MessageError, image_message
from segan_ros.messages.kinds import recorded_message
from segan_ros.messages.segmenters import SEGMENTERS as KINDS

SIZE = 60, 80
TIME = recorded_message("builtin_interfaces/msg/Time", sec=1, nanosec=0)
HEADER = recorded_message("std_msgs/msg/Header", stamp=TIME, frame_id="camera")


def image_of(pixels: np.ndarray, encoding: str):
    return image_message(pixels, encoding, HEADER, recorded_message)


PICTURE = image_of(np.zeros((*SIZE, 3), np.uint8), "rgb8")


def rectangle(x0: int, y0: int, x1: int, y1: int, size: tuple[int, int] = SIZE) -> np.ndarray:
    mask = np.zeros(size, np.uint8)
    mask[y0:y1, x0:x1] = 255
    return mask


def yolo(*polygons, size=SIZE, scores=(), names=(), ids=()):
    detections = [
        foreign_message(
            "yolo_msgs/msg/Detection",
            class_name=names[i] if names else "mug",
            score=scores[i] if scores else 0.5,
            id=ids[i] if ids else "",
            mask=foreign_message(
                "yolo_msgs/msg/Mask",
                height=size[0],
                width=size[1],
                data=[foreign_message("yolo_msgs/msg/Point2D", x=x, y=y) for x, y in polygon],
            ),
        )
        for i, polygon in enumerate(polygons)
    ]
    return foreign_message("yolo_msgs/msg/DetectionArray", header=HEADER, detections=detections)


BOX = [(10, 5), (29, 5), (29, 24), (10, 24)]


def test_polygons_are_filled_and_keep_name_score_and_track():
    message = yolo(BOX, scores=[0.75], names=["cup"], ids=["12"])
    found = KINDS["yolo_msgs"].instances(message, PICTURE)
    (cup,) = found.items
    assert (cup.name, cup.score, cup.track_id, cup.box) == ("cup", 0.75, "12", (10, 5, 30, 25))
    assert cup.mask.all() and found.size == SIZE and not found.left_out


def test_overlapping_polygons_keep_their_whole_masks():
    shifted = [(x + 10, y) for x, y in BOX]
    first, second = KINDS["yolo_msgs"].instances(yolo(BOX, shifted), PICTURE).items
    both = first.full_mask(SIZE) & second.full_mask(SIZE)
    assert both.sum() == 20 * 10


def test_polygon_that_leaves_the_image_is_cut_to_it():
    (item,) = (
        KINDS["yolo_msgs"].instances(yolo([(-20, -20), (9, -20), (9, 9), (-20, 9)]), PICTURE).items
    )
    assert item.box == (0, 0, 10, 10)


@pytest.mark.parametrize(
    ("polygon", "reason"),
    [
        ([], NO_MASK),
        ([(1, 1), (5, 5)], FEW_POINTS),
        ([(1, 1), (5, 5), (np.nan, 3)], NO_NUMBERS),
        ([(200, 1), (220, 1), (220, 20)], OUTSIDE),
        ([(1e300, 1), (-1e300, 1), (3, 1e300)], None),
    ],
)
def test_detection_without_a_usable_mask_is_left_out_and_counted(polygon, reason):
    found = KINDS["yolo_msgs"].instances(yolo(polygon, BOX), PICTURE)
    assert found.items[-1].box == (10, 5, 30, 25)
    if reason:
        assert found.left_out == {reason: 1} and len(found.items) == 1


def test_polygons_of_a_smaller_picture_are_scaled_and_of_another_shape_refused():
    (item,) = KINDS["yolo_msgs"].instances(yolo(BOX, size=(30, 40)), PICTURE).items
    assert item.box == (20, 10, 59, 49)
    with pytest.raises(MessageError, match="polygons are for 50x50 but the image is 80x60") as e:
        KINDS["yolo_msgs"].instances(yolo(BOX, size=(50, 50)), PICTURE)
    assert e.value.reason == "size_mismatch"


def test_tangled_outline_of_many_points_is_filled_at_once():
    points = np.random.default_rng(0).integers(0, 60, (100_000, 2)).tolist()
    begin = time.process_time()
    (item,) = KINDS["yolo_msgs"].instances(yolo(points), PICTURE).items
    assert item.box[2] > 50 and time.process_time() - begin < 5


def test_outline_that_is_thinned_keeps_its_shape():
    turns = np.linspace(0, 2 * np.pi, 9000, endpoint=False)
    circle = np.stack([40 + 25 * np.cos(turns), 30 + 25 * np.sin(turns)], 1).tolist()
    (item,) = KINDS["yolo_msgs"].instances(yolo(circle), PICTURE).items
    assert item.mask.sum() == pytest.approx(np.pi * 25.5**2, rel=0.02)


def test_thousands_of_detections_are_refused():
    with pytest.raises(MessageError, match="1001 detections, at most 1000") as error:
        KINDS["yolo_msgs"].instances(yolo(*[BOX] * 1001), PICTURE)
    assert error.value.reason == "too_many_objects"


def ultralytics(masks, names):
    detections = [
        foreign_message(
            "vision_msgs/msg/Detection2D",
            id=str(i),
            results=[
                foreign_message(
                    "vision_msgs/msg/ObjectHypothesisWithPose",
                    hypothesis=foreign_message(
                        "vision_msgs/msg/ObjectHypothesis", class_id=n, score=s
                    ),
                )
                for n, s in (("other", 0.1), (name, 0.9))
            ],
        )
        for i, name in enumerate(names)
    ]
    return foreign_message(
        "ultralytics_ros/msg/YoloResult",
        header=HEADER,
        detections=foreign_message("vision_msgs/msg/Detection2DArray", detections=detections),
        masks=[image_of(m, "mono8") for m in masks],
    )


def test_mask_images_take_the_best_hypothesis_of_their_detection():
    message = ultralytics([rectangle(5, 6, 25, 36), rectangle(0, 0, 3, 3)], ["bowl", "can"])
    bowl, can = KINDS["masks"].instances(message, PICTURE).items
    assert (bowl.name, bowl.score, bowl.track_id) == ("bowl", 0.9, "0")
    assert bowl.box == (5, 6, 25, 36) and can.name == "can"


def test_mask_images_with_names_and_scores_beside_them():
    message = foreign_message(
        "detectron2_msgs/msg/DetectResult",
        class_names=["cup"],
        scores=np.array([0.5], np.float32),
        masks=[image_of(rectangle(5, 6, 25, 36), "mono8")],
    )
    (cup,) = KINDS["masks"].instances(message, PICTURE).items
    assert (cup.name, cup.score, cup.track_id) == ("cup", 0.5, "")


def test_masks_of_another_encoding_name_what_a_mask_may_be():
    message = ultralytics([rectangle(5, 6, 25, 36)], ["box"])
    message.masks[0].encoding = "32FC1"
    with pytest.raises(MessageError, match=r"mask 0 has encoding '32FC1'.*, above 0 is inside"):
        KINDS["masks"].instances(message, PICTURE)


def test_letterboxed_masks_are_brought_back_to_the_image():
    # 80x60 in a canvas of 96x96: gain 1.2, 96x72 with bars of 12 rows.
    canvas = rectangle(12, 12 + 12, 36, 12 + 48, (96, 96))
    (item,) = KINDS["masks"].instances(ultralytics([canvas], ["box"]), PICTURE).items
    np.testing.assert_allclose(item.box, (10, 10, 30, 40), atol=1)


def test_letterboxed_mask_may_reach_a_little_into_the_bars():
    # Of 640x480 in 640x640: bars of 80 rows.
    picture = image_of(np.zeros((480, 640, 3), np.uint8), "rgb8")
    canvas = rectangle(100, 70, 200, 140, (640, 640))
    (item,) = KINDS["masks"].instances(ultralytics([canvas], ["box"]), picture).items
    assert item.box == (100, 0, 200, 60)


@pytest.mark.parametrize("how", ["stretched", "padded at the bottom"])
def test_masks_with_pixels_where_letterboxed_ones_have_bars_are_refused(how):
    picture = image_of(np.zeros((480, 640, 3), np.uint8), "rgb8")
    mask = rectangle(40, 20, 200, 120, (480, 640))
    if how == "stretched":
        mask = cv2.resize(mask, (512, 512), interpolation=cv2.INTER_NEAREST)
    else:  # as SAM has them
        mask = np.pad(cv2.resize(mask, (256, 192), interpolation=cv2.INTER_AREA), ((0, 64), (0, 0)))
    middle = rectangle(100, 100, 120, 120, mask.shape)
    with pytest.raises(MessageError, match=r"mask 1 is .* it was stretched, or padded") as error:
        KINDS["masks"].instances(ultralytics([middle, mask], ["box", "box"]), picture)
    assert error.value.reason == "size_mismatch"


def test_letterboxed_masks_of_a_sliver_keep_a_row():
    sliver = image_of(np.zeros((1, 640, 3), np.uint8), "rgb8")
    message = ultralytics([rectangle(0, 12, 32, 20, (32, 32))], ["box"])
    (item,) = KINDS["masks"].instances(message, sliver).items
    assert item.box == (0, 0, 640, 1)


@pytest.mark.parametrize("size", [(50, 70), (320, 640), (1, 1)])
def test_masks_of_a_size_that_no_network_has_are_refused(size):
    message = ultralytics([rectangle(0, 0, 9, 9, size)], ["box"])
    text = f"mask 0 is {size[1]}x{size[0]} but the image is 80x60; .* or letterboxed"
    with pytest.raises(MessageError, match=text) as error:
        KINDS["masks"].instances(message, PICTURE)
    assert error.value.reason == "size_mismatch"


def test_empty_masks_are_counted_and_masks_without_detection_refused():
    found = KINDS["masks"].instances(ultralytics([rectangle(0, 0, 0, 0)], ["box"]), PICTURE)
    assert found.left_out == {EMPTY: 1} and found.items == ()
    message = ultralytics([rectangle(0, 0, 9, 9)], ["box", "can"])
    with pytest.raises(MessageError, match="1 masks but 2 detections"):
        KINDS["masks"].instances(message, PICTURE)


def test_detections_of_a_model_without_masks_are_counted_as_such():
    found = KINDS["masks"].instances(ultralytics([], ["box", "can", "cup"]), PICTURE)
    assert found.left_out == {NO_MASK: 3} and found.items == ()


def test_mask_image_that_is_cut_short_is_refused():
    message = ultralytics([rectangle(0, 0, 9, 9)], ["box"])
    message.masks[0].data = message.masks[0].data[:100]
    with pytest.raises(MessageError, match="mask 0 has 100 bytes"):
        KINDS["masks"].instances(message, PICTURE)


def test_panoptic_image_of_gazebo_is_read_low_byte_first():
    pixels = np.zeros((*SIZE, 3), np.uint8)
    pixels[5:10, 5:10] = (3, 1, 7)  # instance 259 of class 7
    pixels[20:30, 5:10] = (1, 0, 7)
    pixels[40:50] = (9, 9, 0)  # class 0: background
    found = KINDS["panoptic"].instances(image_of(pixels, "rgb8"), PICTURE)
    assert [(i.name, i.box) for i in found.items] == [("7", (5, 20, 10, 30)), ("7", (5, 5, 10, 10))]


def test_every_colour_is_an_object_and_black_is_none():
    pixels = np.zeros((*SIZE, 3), np.uint8)
    pixels[5:10, 5:10], pixels[20:30, 5:20] = (255, 0, 0), (0, 0, 255)
    found = KINDS["colours"].instances(image_of(pixels, "rgb8"), PICTURE)
    assert sorted(i.box for i in found.items) == [(5, 5, 10, 10), (5, 20, 20, 30)]
    again = KINDS["colours"].instances(image_of(pixels[..., ::-1], "bgr8"), PICTURE)
    assert [i.track_id for i in again.items] == [i.track_id for i in found.items]


def test_a_photograph_taken_for_colours_is_refused():
    noise = np.random.default_rng(0).integers(0, 255, (*SIZE, 3), np.uint8)
    with pytest.raises(MessageError, match="colours, at most 1000"):
        KINDS["colours"].instances(image_of(noise, "rgb8"), PICTURE)


def test_label_image_taken_for_colours_names_the_parameter():
    with pytest.raises(MessageError, match="set segmenter to label_image"):
        KINDS["colours"].instances(image_of(rectangle(0, 0, 5, 5), "mono8"), PICTURE)


@pytest.mark.parametrize("kind", ["colours", "panoptic"])
@pytest.mark.parametrize("encoding", ["bayer_rggb8", "yuv422", "nv12"])
def test_colours_of_encodings_that_mix_them_are_refused(kind, encoding):
    rows = {"bayer_rggb8": 80, "yuv422": 160, "nv12": 80}[encoding]
    message = image_of(np.zeros((90 if encoding == "nv12" else 60, rows), np.uint8), encoding)
    message = replace(message, height=60, width=80)
    with pytest.raises(MessageError, match="which mixes colours; publish it as rgb8, bgr8"):
        KINDS[kind].instances(message, PICTURE)


def test_every_definition_names_its_source():
    for path in (Path(__file__).parents[1] / "interfaces").glob("*/msg/*.msg"):
        assert path.read_text().startswith("# Fields as "), path
