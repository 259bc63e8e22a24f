"""Messages of other packages, from their interface definitions in ``interfaces/``."""

from dataclasses import MISSING, fields
from functools import cache
from pathlib import Path
from typing import Any

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


def foreign_message(kind: str, **values: Any) -> Any:
    """A message of that type; fields that are not given stay None, as nobody reads them."""
    type_ = foreign_types().types[kind]
    unset = {f.name: None for f in fields(type_) if f.default is MISSING}
    return type_(**{**unset, **values})
