"""Which definitions the messages of a bag are read by."""

from types import SimpleNamespace

import pytest
from foreign_messages import foreign_types

from segan_ros.messages.kinds import is_assumed, recorded_message, store_for, typestore

YOLO = "yolo_msgs/msg/DetectionArray"
OTHER = "std_msgs/Header header\nstring maker\n"


def connection(kind: str, text: str | None = None):
    found = None if text is None else SimpleNamespace(format=SimpleNamespace(name="MSG"), data=text)
    return SimpleNamespace(topic="/masks", msgtype=kind, msgdef=found)


def test_bags_without_definitions_are_read_by_those_of_the_package():
    time = recorded_message("builtin_interfaces/msg/Time", sec=1, nanosec=0)
    header = recorded_message("std_msgs/msg/Header", stamp=time, frame_id="camera")
    written = foreign_types().serialize_cdr(
        recorded_message(YOLO, header=header, detections=[]), YOLO
    )
    found = store_for(connection(YOLO)).deserialize_cdr(written, YOLO)
    assert found.header.frame_id == "camera" and found.detections == []
    assert is_assumed(connection(YOLO)) and not is_assumed(connection(YOLO, OTHER))
    assert not is_assumed(connection("sensor_msgs/msg/Image"))


def test_definitions_in_a_bag_come_first():
    """Another version of the segmenter's messages may have other fields."""
    fields = dict(store_for(connection(YOLO, OTHER)).fielddefs[YOLO][1])
    assert set(fields) == {"header", "maker"}
    assert "detections" in dict(typestore().fielddefs[YOLO][1])


def test_standard_types_are_not_read_by_what_a_bag_says():
    image = "sensor_msgs/msg/Image"
    assert store_for(connection(image, "string maker\n")) is typestore()


def test_unknown_types_need_a_definition():
    said = "/masks carries robot_msgs/msg/Arm but the bag holds no definition of it"
    with pytest.raises(ValueError, match=said):
        store_for(connection("robot_msgs/msg/Arm"))
    with pytest.raises(ValueError, match=said):
        store_for(connection("robot_msgs/msg/Arm", " \n"))
