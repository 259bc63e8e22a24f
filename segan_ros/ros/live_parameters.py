"""The declared parameters on a running node: checked at start, refused or taken over when set."""

from __future__ import annotations

from array import array
from collections.abc import Callable, Sequence
from typing import Any

from rcl_interfaces.msg import (
    FloatingPointRange,
    IntegerRange,
    ParameterDescriptor,
    SetParametersResult,
)
from rclpy.node import Node
from rclpy.parameter import Parameter as RosParameter

from segan_ros.ros.depth_parameters import DEPTH_PARAMETERS
from segan_ros.ros.parameter import INACTIVE, REMEDY, START, UNCONFIGURED, Parameter
from segan_ros.ros.parameters import PARAMETERS
from segan_ros.ros.qos import override_problems

_KNOWN = {p.name for p in (*PARAMETERS, *DEPTH_PARAMETERS)}
_OF_ROS = ("use_sim_time", "start_type_description_service", "qos_overrides")


class LiveParameters:
    """Values of declared parameters on `node`.

    A bad value at start does not end the node: it keeps the default, and `problems` says what to
    tell whoever configures it.

    Args:
        node: they are declared on it.
        state: gives the label of the node's lifecycle state.
        changed: called after values were set.
        declared: what they are. Those of the other nodes of this package may be given to all, by a
            file for every node.
    """

    def __init__(
        self,
        node: Node,
        state: Callable[[], str],
        changed: Callable[[], None],
        declared: Sequence[Parameter] = PARAMETERS,
    ) -> None:
        self._node, self._state = node, state
        self._declared = {p.name: p for p in declared}
        self._problems = override_problems(node)
        overrides = {n: p.value for n, p in node._parameter_overrides.items()}
        for parameter in declared:
            value = _as_declared(parameter, overrides.get(parameter.name, parameter.default))
            problem = parameter.problem(value)
            if problem:
                if parameter.changes == START:
                    problem += "; that cannot be set later: correct it and start the node again"
                self._problems[parameter.name] = problem
            node.declare_parameter(
                parameter.name,
                parameter.default if problem else value,
                _descriptor(parameter),
                ignore_override=True,
            )
        self.unknown = sorted(n for n in overrides if n not in _KNOWN and not _is_of_ros(n))
        node.add_pre_set_parameters_callback(self._convert)
        node.add_on_set_parameters_callback(self._judge)
        node.add_post_set_parameters_callback(self._after(changed))

    @property
    def problems(self) -> list[str]:
        """Why values given at start were refused, until they are set anew."""
        return list(self._problems.values())

    @property
    def values(self) -> dict[str, Any]:
        """Current values by name."""
        return {name: self[name] for name in self._declared}

    def __getitem__(self, name: str) -> Any:
        return _as_declared(self._declared[name], self._node.get_parameter(name).value)

    def _convert(self, given: list[RosParameter]) -> list[RosParameter]:
        """`ros2 param set /segan max_age 1` means a number, `ignore_ids 255` a list."""
        return [
            RosParameter(g.name, value=_as_declared(self._declared[g.name], g.value))
            if g.name in self._declared and g.value is not None
            else g
            for g in given
        ]

    def _judge(self, given: list[RosParameter]) -> SetParametersResult:
        for one in given:
            parameter = self._declared.get(one.name)
            if parameter is None:
                continue
            value = _as_declared(parameter, one.value)
            if value == self[one.name] and type(value) is type(self[one.name]):
                continue  # a file of all parameters may be loaded at any time
            reason = self._refusal(parameter) or parameter.problem(value)
            if reason:
                return SetParametersResult(successful=False, reason=reason)
        return SetParametersResult(successful=True)

    def _refusal(self, parameter: Parameter) -> str | None:
        state = self._state()
        allowed = {INACTIVE: ("unconfigured", "inactive"), UNCONFIGURED: ("unconfigured",)}
        if state in allowed.get(parameter.changes, (state,)):
            return None
        remedy = REMEDY[parameter.changes].format(node=self._node.get_fully_qualified_name())
        return f"{parameter.name} cannot change while the node is {state}; {remedy}"

    def _after(self, changed: Callable[[], None]) -> Callable[[list[RosParameter]], None]:
        def react(given: list[RosParameter]) -> None:
            ours = [one.name for one in given if one.name in self._declared]
            for name in ours:
                self._problems.pop(name, None)
            if ours:
                changed()

        return react


def _as_declared(parameter: Parameter, value: Any) -> Any:
    """`value` as the parameter's type where it is meant so: 1 for a number, a list, or a name."""
    if isinstance(parameter.default, float) and type(value) is int:
        return float(value)
    if isinstance(parameter.default, str) and not parameter.choices and type(value) is int:
        return str(value)
    if isinstance(parameter.default, list):
        if type(value) is int:
            return [value]
        if isinstance(value, array) and value.typecode == "q":
            return value.tolist()
    return value


def _is_of_ros(name: str) -> bool:
    return name.partition(".")[0] in _OF_ROS


def _descriptor(parameter: Parameter) -> ParameterDescriptor:
    descriptor = ParameterDescriptor(
        description=parameter.text + (f" [{parameter.unit}]" if parameter.unit else ""),
        additional_constraints="; ".join(
            filter(None, (", ".join(parameter.choices), f"changes: {parameter.changes}"))
        ),
        read_only=parameter.changes == START,
    )
    if parameter.limits:
        low, high = parameter.limits
        if isinstance(parameter.default, float):
            descriptor.floating_point_range = [
                FloatingPointRange(from_value=float(low), to_value=float(high), step=0.0)
            ]
        else:
            descriptor.integer_range = [
                IntegerRange(from_value=int(low), to_value=int(high), step=1)
            ]
    return descriptor
