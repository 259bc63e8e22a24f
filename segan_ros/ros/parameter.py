"""What a parameter of the node is: type, default, range, and when it can change."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

NEXT_FRAME = "next frame"
INACTIVE = "while inactive"
UNCONFIGURED = "while unconfigured"
START = "at start only"

REMEDY = {
    INACTIVE: "deactivate the node first: ros2 lifecycle set {node} deactivate",
    UNCONFIGURED: "deactivate and clean up the node first: ros2 lifecycle set {node} deactivate; "
    "ros2 lifecycle set {node} cleanup",
}


@dataclass(frozen=True)
class Parameter:
    """One parameter.

    Args:
        name: as in ``config/segan.yaml``.
        default: its type is the parameter's type.
        text: one sentence that describes it.
        limits: smallest and largest value, for numbers, and for each of a list of them.
        choices: allowed values, for strings; empty = any.
        unit: of the value, empty where there is none.
        check: says of a string why it cannot be used, or nothing; None = any will do.
        changes: when it may be set: `NEXT_FRAME` (any time), `INACTIVE`, `UNCONFIGURED`, `START`.
    """

    name: str
    default: bool | int | float | str | list[int]
    text: str
    limits: tuple[float, float] | None = None
    choices: tuple[str, ...] = ()
    unit: str = ""
    changes: str = NEXT_FRAME
    check: Callable[[str], str] | None = None

    @property
    def type_name(self) -> str:
        """Type as people write it in a table."""
        names = {bool: "bool", int: "integer", float: "number", str: "string", list: "integers"}
        return names[type(self.default)]

    @property
    def range_text(self) -> str:
        """Allowed values as people write them; empty = any."""
        if self.limits is None:
            return ", ".join(self.choices)
        low, high = (str(n) if isinstance(n, int) else f"{n:g}" for n in self.limits)
        return f"{low} .. {high}{self.unit and ' ' + self.unit}"

    @property
    def default_text(self) -> str:
        """Default as people write it."""
        return str(self.default).lower() if isinstance(self.default, bool) else str(self.default)

    def problem(self, value: Any) -> str | None:
        """Why `value` is refused, naming value, limit and remedy; None when it is fine."""
        if type(value) is not type(self.default):
            is_list = isinstance(value, list) and "separated by commas" in self.text
            hint = f", names separated by commas: {', '.join(map(str, value))!r}" if is_list else ""
            return f"{self.name} is {value!r}; it must be of type {self.type_name}{hint}"
        if self.choices and value not in self.choices:
            return f"{self.name} is {value!r}; choose one of {self.range_text}"
        for number in value if isinstance(value, list) else [value] if self.limits else []:
            if self.limits and not self.limits[0] <= float(number) <= self.limits[1]:
                return f"{self.name} is {number:g}; set it to a value in {self.range_text}"
        if isinstance(value, str) and not self.choices and not value.strip():
            return f"{self.name} is empty; {self.text[0].lower()}{self.text[1:]}"
        return (self.check(str(value)) or None) if self.check else None
