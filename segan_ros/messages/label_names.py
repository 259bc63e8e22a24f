"""Which label is what: the table that simulators publish beside their label images.

JSON in a ``std_msgs/String``: ``{"2": "cup"}`` or, as Isaac Sim does, ``{"2": {"class": "cup"}}``
with its ``time_stamp`` among the labels.
"""

from __future__ import annotations

import json
from typing import Any

from segan_ros.messages.images import MessageError


def to_names(message: Any) -> dict[int, str]:
    """Class name by label, of a ``std_msgs/String``; keys that are no numbers are left out.

    Raises:
        MessageError: it is no such table.
    """
    try:
        table = json.loads(message.data)
    except (RecursionError, ValueError):
        table = None
    if not isinstance(table, dict):
        start = message.data[:40]
        raise MessageError(
            "bad_label_names",
            f"label_names is {start!r}; send a JSON object from label to class, such as "
            '{"2": "cup"}',
        )
    found = {}
    for label, name in table.items():
        text = name.get("class") if isinstance(name, dict) else name
        number = int(label) if label.isdecimal() and len(label) < 11 else 0
        if 0 < number < 2**31 and isinstance(text, str):
            found[number] = text
    return found
