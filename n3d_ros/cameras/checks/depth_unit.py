"""A unit of depth, or another quantity than depth, under names that nobody read.

In: the mapping of a file. Out: nothing, or a ValueError that names the key. What is known without asking:
16-bit depth is in millimetres, floats are in metres, and both are lengths along the optical axis.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from n3d_ros.cameras.checks.paths import flat, is_list, is_number, says_something
from n3d_ros.plain_text import shown

# In nested mappings the path: "depth.scale". "scale": Replica's camera files; "png_depth_scale": others.
SCALE_LIKE = re.compile(
    r"depth.*(scal|factor|unit|divi[ds]|multipl|resolution|(to|2)_?m)|^z_?(scal|factor|unit)|(scale|factor|unit).*depth|units?_?per|"
    r"per_?(unit|step|count)|png.*scale|^scal(e|ing)(_?factor)?$|^factor$|^(length|distance)?_?units?$|"
    r"^metric_?scale$|^scale_?to_?m|depth.*(quant|step|lsb|gain|conver|tick|mult|div)|ticks?_?per|per_?(lsb|tick)|lsb_?m?m|"
    r"^(raw_?)?(to|2)_?met(er|re)s?$|^raw_?(to|2)_?m+$|^(world|stage|scene|asset)_?(units?|scale)$|"
    r"^conversion_?factor$|^units?_?(in_?)?(m|scale)$|^met(er|re)s_?per",
    re.IGNORECASE,
)
# 1 says that the scene is in metres: Isaac Sim's annotators and USD, nerfstudio, Blender's unit_scale.
OF_SCENE = re.compile(
    r"^(((world|stage|scene|asset|unit)_?)?scale|met(er|re)s_?per_?((scene|stage)_?)?unit)$", re.IGNORECASE
)
SHIFT_LIKE = re.compile(r"depth.*(shift|offset|bias)", re.IGNORECASE)
# A unit that is known without asking, and no arithmetic with it ("m / 5000").
USUAL_UNIT = re.compile(
    r"^\s*(1(\.0*)?\s*)?(mm|m|milli-?met(er|re)s?|met(er|re)s?|px|pixels?)\s*([,;(]|$)", re.IGNORECASE
)
KIND_LIKE = re.compile(
    r"^depth$|depth.*(type|kind|mode|encoding|format|representation|convention|definition|content|data|measure|axis)$",
    re.IGNORECASE,
)
OTHER_KIND = re.compile(
    r"dispar|inv(er|_?depth)|reciprocal|1 ?/ ?(z|depth)|euclid|^(range|distance)$|radial|line.of.sight|"
    r"distance[_ ](to|from)[_ ](the[_ ])?cam|(^|[_ -])(log|ray)|perspective|slant|z.?buffer|ndc|"
    r"normali[sz]ed|relative|affine",
    re.IGNORECASE,
)
OTHER_KIND_FLAG = re.compile(
    r"^(is_)?(inv(erse|erted)?|log|normali[sz]ed|euclidean|relative|ray)_?(depth|distance|length)$|"
    r"depth_?in_?(cm|centi|inch|feet|ft)|^is_?euclidean|"
    r"depth_?(is_?|along_?)?(inv|log|normali|euclid|relativ|ray|radial|range$|distance$)|^(is_)?disparity$",
    re.IGNORECASE,
)
NESTED_FLAG = re.compile(
    r"depth\.(is_)?(inv(erse|erted)?|log|normali[sz]ed|euclidean|relative|disparity)$", re.IGNORECASE
)
# What says so where it is false.
USUAL_FLAG = re.compile(
    r"^(is_)?(z|planar|metric)_?(depth)?$|^depth_?(is_?)?(z|planar|metric|along_?z)$", re.IGNORECASE
)
REGISTERED_FLAG = re.compile(
    r"^(is_)?(depth_?|rgbd?_?)?(is_?)?(align(ed)?|regist(ered|ration))(_?(depth|to_?colou?r|to_?rgb|depth_?to_?colou?r))?$|"
    r"^depth_?to_?(colou?r|rgb)_?(is_?)?(aligned|registered)$",
    re.IGNORECASE,
)


def check_depth_unit(values: Mapping[str, Any]) -> None:
    """All of the mapping, nested ones too, but for the key depth_scale."""
    for path, value in flat(values):
        if path == "depth_scale" or (is_number(value) and value == values.get("depth_scale")):
            pass  # RealSense's depth_units says the same once more
        elif SCALE_LIKE.search(path) and _is_other_scale(path, value):
            raise ValueError(
                f"intrinsics: {shown(path)} = {shown(value)} looks like the unit of depth and is not "
                f"understood; expected depth_scale in metres per unit"
            )
        if SHIFT_LIKE.search(path) and _has_number(value) and says_something(value):
            raise ValueError(
                f"intrinsics: {shown(path)} = {shown(value)} looks like something to be added to depth and "
                f"is not understood; write depth without it"
            )
        _check_kind(path, value)
        if value is False and REGISTERED_FLAG.search(path.rpartition(".")[2]):
            raise ValueError(
                f"intrinsics: expected depth that is registered to colour, got {shown(path)} = False; "
                f"register it first"
            )


def _is_other_scale(path: str, value: Any) -> bool:
    if isinstance(value, str):
        return bool(value.strip()) and not USUAL_UNIT.match(value)
    if is_list(value):
        return len(value) == 1 and _has_number(value)  # two are a size: "depth_resolution"
    return is_number(value) and not (value == 1 and OF_SCENE.search(path))


def _has_number(value: Any) -> bool:
    return is_number(value) or (is_list(value) and any(map(is_number, value)))


def _check_kind(path: str, value: Any) -> None:
    """Disparity, inverse depth, the way along the ray and shares of a range are no depth."""
    is_named = isinstance(value, str) and KIND_LIKE.search(path) and OTHER_KIND.search(value.strip())
    last = path.rpartition(".")[2]
    is_flag = value is True and (OTHER_KIND_FLAG.search(last) or NESTED_FLAG.search(path))
    is_denied = value is False and USUAL_FLAG.search(last)
    if is_named or is_flag or is_denied:
        raise ValueError(
            f"intrinsics: expected depth along the optical axis, got {shown(path)} = {shown(value)}; write "
            f"it as metres along z"
        )
