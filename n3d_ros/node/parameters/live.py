"""The declarations on a ROS node, and the values as they are now.

In: a node. Out: `LiveParameters.now`, replaced as a whole when an operator changes something: who reads it
once has one consistent set.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from difflib import get_close_matches
from typing import Any

from rcl_interfaces.msg import FloatingPointRange, IntegerRange, ParameterDescriptor, SetParametersResult
from rclpy.exceptions import InvalidParameterTypeException
from rclpy.node import Node
from rclpy.parameter import Parameter

from n3d_ros.node.parameters.declared import DECLARATIONS, Declaration, Parameters

WHOLE_NUMBER = "; a whole number needs its point, such as 3.0"
BARE_WORD = """; text that reads as something else needs quotes of its own, such as '"yes"'"""

Check = Callable[[Parameters], None]
OnChange = Callable[[Parameters, Parameters], None]


class LiveParameters:
    """Declares everything. check: raises ValueError for values that this machine cannot serve. on_change: is
    told the values before and after each change. is_fixed: values that are read when the node is
    configured may not change now; way: how they are changed then.
    """

    def __init__(self, node: Node, check: Check, on_change: OnChange, way: Callable[[], str]) -> None:
        """ValueError when a value from outside is out of bounds or refused."""
        self._node, self._check, self._on_change, self._way = node, check, on_change, way
        self.is_fixed = False
        values = {one.field_name: self._declare(one) for one in DECLARATIONS}
        self.now = Parameters(**values)
        check(self.now)
        self._warn_of_unknown()
        node.add_on_set_parameters_callback(self._set)

    def _declare(self, one: Declaration) -> Any:
        """Its value. rclpy says of a wrong type what came, and not what to write."""
        try:
            return self._node.declare_parameter(one.name, one.default, descriptor(one)).value
        except InvalidParameterTypeException:
            expected, given = Parameter("", value=one.default), self._node._parameter_overrides[one.name]
            raise ValueError(wrong_type(one.name, expected.type_, given.type_)) from None

    def _warn_of_unknown(self) -> None:
        """ROS ignores a value from outside whose name is misspelt, and nothing happens."""
        for name in self._node._parameter_overrides:
            if not self._node.has_parameter(name):
                self._node.get_logger().warning(no_such(name))

    def set(self, name: str, value: bool | int | float | str) -> SetParametersResult:
        """As `ros2 param set` does."""
        return self._node.set_parameters([Parameter(name, value=value)])[0]

    def _set(self, changes: Sequence[Parameter]) -> SetParametersResult:
        names = {one.name: one.field_name for one in DECLARATIONS}
        before = self.now
        try:
            wanted = {names[one.name]: one.value for one in changes if one.name in names}
            self._refuse_late(wanted)
            after = replace(before, **wanted)
            self._check(after)
        except ValueError as error:
            return SetParametersResult(successful=False, reason=str(error))
        self.now = after
        self._on_change(before, after)
        return SetParametersResult(successful=True)

    def _refuse_late(self, wanted: Mapping[str, Any]) -> None:
        """ValueError that says how to change what is read when the node is configured."""
        if not self.is_fixed:
            return
        for one in DECLARATIONS:
            now = getattr(self.now, one.field_name)
            if not one.dynamic and wanted.get(one.field_name, now) != now:
                raise ValueError(f"{one.name}: it is read when the node is configured; {self._way()}")


def no_such(name: str) -> str:
    """What is said of a name that no parameter has."""
    nearest = get_close_matches(name, [one.name for one in DECLARATIONS], 1, cutoff=0.5)
    meant = f"; do you mean {nearest[0]}?" if nearest else ""
    return f"{name}: this node has no parameter of that name{meant}"


def wrong_type(name: str, expected: Parameter.Type, got: Parameter.Type) -> str:
    """What is said of a value of another type, and how it is written."""
    hint = WHOLE_NUMBER if (expected, got) == (Parameter.Type.DOUBLE, Parameter.Type.INTEGER) else ""
    hint = BARE_WORD if expected == Parameter.Type.STRING else hint
    return f"{name}: expected {word(expected)}, got {word(got)}{hint}"


def word(one: Parameter.Type) -> str:
    """As `ros2 param describe` names it."""
    return str(one.name).lower().replace("_", " ")


def descriptor(one: Declaration) -> ParameterDescriptor:
    """What `ros2 param describe` shows."""
    unit = f", {one.unit}" if one.unit else ""
    when = "" if one.dynamic else "; read when the node is configured"
    message = ParameterDescriptor(name=one.name, description=f"{one.description}{unit}{when}")
    if one.choices:
        message.additional_constraints = one.bounds
    if one.low is not None and one.high is not None:
        if isinstance(one.default, float):
            message.floating_point_range = [FloatingPointRange(from_value=one.low, to_value=one.high)]
        else:
            message.integer_range = [IntegerRange(from_value=int(one.low), to_value=int(one.high), step=1)]
    return message
