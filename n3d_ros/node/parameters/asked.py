"""Requests to set parameters, looked at before rclpy takes them.

In: a node with its parameters. Out: its two services answer, by name and with what was expected, what rclpy
answers without a name, or with an exception that ends the node: a type that is none.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

from rcl_interfaces.msg import Parameter as ParameterMessage
from rcl_interfaces.msg import SetParametersResult
from rcl_interfaces.srv import SetParameters, SetParametersAtomically
from rclpy.node import Node
from rclpy.parameter import Parameter

from n3d_ros.node.parameters.live import no_such, word, wrong_type

Type = Parameter.Type
TYPES = {one.value: one for one in Type}


def answer_by_name(node: Node) -> None:
    """From now on."""
    ways = {SetParameters: _set, SetParametersAtomically: _set_atomically}
    for service in node.services:
        if service.srv_type in ways:
            service.callback = partial(ways[service.srv_type], node, service.callback)


def _set(node: Node, rclpys: Callable[..., Any], request: Any, response: Any) -> Any:
    """Each for itself: one that is refused keeps no other from being set."""
    for one in request.parameters:
        alone = SetParameters.Request(parameters=[one])
        refused = _refused(node, [one])
        response.results.append(refused or rclpys(alone, SetParameters.Response()).results[0])
    return response


def _set_atomically(node: Node, rclpys: Callable[..., Any], request: Any, response: Any) -> Any:
    refused = _refused(node, request.parameters)
    if refused is None:
        return rclpys(request, response)
    response.result = refused
    return response


def _refused(node: Node, asked: list[ParameterMessage]) -> SetParametersResult | None:
    """The reasons of all; None where rclpy may have them."""
    reasons = [reason for one in asked if (reason := _why(node, one))]
    return SetParametersResult(successful=False, reason="; ".join(reasons)) if reasons else None


def _why(node: Node, asked: ParameterMessage) -> str:
    """Why it cannot be set, whatever its value; '' where it can."""
    name, got = asked.name, TYPES.get(asked.value.type)
    if not node.has_parameter(name):
        return no_such(name)
    if got is None:
        return f"{name}: expected a type of rcl_interfaces/ParameterType, got {asked.value.type}"
    expected = node.get_parameter(name).type_
    if got == expected:
        return ""
    if got == Type.NOT_SET:
        return f"{name}: expected {word(expected)}, got no value; a parameter of this node cannot be deleted"
    return wrong_type(name, expected, got)
