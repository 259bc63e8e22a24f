"""Messages of other packages, from their interface definitions in ``interfaces/``."""

from dataclasses import MISSING, fields
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
from rosbags.typesys import Stores, get_types_from_msg, get_typestore
from rosbags.typesys.store import Typestore

INTERFACES = Path(__file__).with_name("interfaces")


@cache
def foreign_types() -> Typestore:
    """The types of all packages in ``interfaces/``, and the standard ones."""
    store = get_typestore(Stores.LATEST)
    found = {}
    for path in sorted(INTERFACES.glob("*/msg/*.msg")):
        package = path.parent.parent.name
        found.update(get_types_from_msg(path.read_text(), f"{package}/msg/{path.stem}"))
    store.register({name: fields for name, fields in found.items() if name not in store.types})
    return store


def filled(kind: str, **values: Any) -> Any:
    """A message of that type with every field set, to be serialised: zeros where none is given."""
    types = foreign_types()
    made = {}
    for name, (of_what, detail) in types.fielddefs[kind][1]:
        if name in values:
            made[name] = values[name]
        elif of_what.name == "NAME":
            made[name] = filled(detail)
        elif of_what.name == "BASE":
            made[name] = {"string": "", "bool": False}.get(detail[0], 0)
        elif of_what.name == "ARRAY":
            made[name] = np.zeros(detail[1])
        else:
            made[name] = []
    return types.types[kind](**made)


def foreign_message(kind: str, **values: Any) -> Any:
    """A message of that type; fields that are not given stay None, as nobody reads them."""
    type_ = foreign_types().types[kind]
    unset = {f.name: None for f in fields(type_) if f.default is MISSING}
    return type_(**{**unset, **values})


def yolo_bag(folder: Path, frames: int = 3, plugin: str = "MCAP") -> Path:
    """A bag of two cards whose masks are polygons of yolo_ros, as its segmentor sends them."""
    from rosbags.rosbag2 import StoragePlugin, Writer
    from small_bag import PERIOD, SIZE, START, header_of, image, two_cards

    store = foreign_types()
    kinds = {"image": "sensor_msgs/msg/Image", "detections": "yolo_msgs/msg/DetectionArray"}
    with Writer(folder, version=9, storage_plugin=StoragePlugin[plugin]) as writer:
        out = {
            name: writer.add_connection(f"/camera/{name}", kind, typestore=store)
            for name, kind in kinds.items()
        }
        for i in range(frames):
            stamp = START + i * PERIOD
            header = header_of(stamp)
            corners = (10 + i, 10, 39 + i, 49), (32 + i, 15, 61 + i, 44)
            detections = [
                filled(
                    "yolo_msgs/msg/Detection",
                    class_name=f"card {number}",
                    score=score,
                    id=str(number),
                    mask=filled(
                        "yolo_msgs/msg/Mask",
                        height=SIZE[0],
                        width=SIZE[1],
                        data=[
                            filled("yolo_msgs/msg/Point2D", x=float(x), y=float(y))
                            for x, y in ((x0, y0), (x1, y0), (x1, y1), (x0, y1))
                        ],
                    ),
                )
                for number, score, (x0, y0, x1, y1) in zip((1, 2), (0.9, 0.8), corners, strict=True)
            ]
            found = filled(kinds["detections"], header=header, detections=detections)
            picture = image(two_cards(i).frame.rgb, "rgb8", header)
            for name, message in (("image", picture), ("detections", found)):
                writer.write(out[name], stamp, store.serialize_cdr(message, kinds[name]))
    return folder
