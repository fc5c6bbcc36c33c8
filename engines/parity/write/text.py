"""Box text and conversations as the specification words them, written out plainly.

In: a case's scene and a random generator. Out: the contents of codec.json and prompts.json. Nothing here
calls the library's codec, evidence or prompts (docs/specification/prompts.md 1 to 3,
docs/specification/box_text.md 1 to 8).
"""

from __future__ import annotations

import math
import re
from typing import Any

import numpy as np

NAMES = ("chair", "coffee table", "lamp", "orange/tangerine", "椅子", "person (standing)")
FIELDS = ("position_u", "position_v", "position_z", "angle_z", "scale_x", "scale_y", "scale_z")
CORNERS = ((-1, -1, 1), (1, -1, 1), (1, 1, 1), (-1, 1, 1), (-1, -1, -1), (1, -1, -1), (1, 1, -1), (-1, 1, -1))
CODE = (
    "@dataclass\nclass Bbox:\n    class: str\n    position_u: int\n    position_v: int\n    position_z: int\n"
    "    angle_y: int\n    scale_x: int\n    scale_y: int\n    scale_z: int"
)
SENTENCES = (
    "How tall is it? Really.",
    "No end",
    "It is 1.5 m high.",
    "One\ntwo. three.",
    "Stop! Where? Here.",
)
QUESTIONS = (
    "0_chair",
    "Is 0_chair, 1_coffee table or 2_lamp?",
    "How far is 0_chair from 1_lamp?",
    "12 chairs",
)
Scene = dict[str, Any]
Box = dict[str, Any]


def codec(case: dict[str, Any], random: np.random.RandomState) -> dict[str, Any]:
    """Texts with one or two boxes decoded, numbers encoded and rounded, first sentences and mentions."""
    scene = {
        "shift0": [float(value) for value in case["shift0"]],
        "scaling_init": float(case["scaling_init"]),
        "shift1_init": [0.0, 0.0, 0.0],
        "intr": case["intr"].tolist(),
    }
    texts = ["\n".join(_line(i, random) for i in range(count)) + "\n" for count in (1, 1, 1, 2, 2)]
    texts += [
        "",
        "no box",
        "bbox_0=Bbox(a,1,2,3,500,4,5)\n",
        "bbox_0=Bbox( big  chair ,1e2, 200 ,300,500,-40,5,6)",
    ]
    values = [2.675, 1.115, -1.115, 0.005, *random.uniform(-9, 9, 8).round(3).tolist()]
    mention = re.compile(r"\b\d+_[A-Za-z0-9]+(?: [A-Za-z0-9]+)*")
    return {
        "numpy": "1.x",
        "scenes": {"P": scene},
        "decode": [_decoded(text, scene) for text in texts],
        "encode": [_encoded(random) for _ in range(6)],
        "rounding": [
            {"value": v, "python_round2": round(v, 2), "numpy_round2": float(np.round(np.float64(v), 2))}
            for v in values
        ],
        "first_sentence": [{"text": text, "first": first_sentence(text)} for text in SENTENCES],
        "mention_regex": [{"text": text, "matches": mention.findall(text)} for text in QUESTIONS],
    }


def _line(index: int, random: np.random.RandomState) -> str:
    numbers = [*random.randint(50, 950, 3), 500, *random.randint(20, 400, 3)]
    name = NAMES[random.randint(0, 3)]
    return f"bbox_{index}=Bbox({name},{','.join(str(number) for number in numbers)})"


def _decoded(text: str, scene: Scene) -> dict[str, Any]:
    pattern = re.compile(r"bbox_(\d+)=Bbox\(([^,]+)" + ",([^,()]+)" * 7 + r"\)")
    parsed = [
        _box(int(m[1]), m[2].strip(), [float(m[i]) for i in range(3, 10)]) for m in pattern.finditer(text)
    ]
    for box in parsed:
        box.update({name: abs(box[name]) for name in FIELDS[4:]})
    plain = [_with(box, _undiscretized(box)) for box in parsed]
    metric = [_with(box, _metric(box, scene)) for box in plain]
    spatial = [{**_without_uv(box), **_position(box, scene)} for box in metric]
    projected = [_projected(box, scene) for box in spatial]
    lines = [f"bbox_{b['id']}=Bbox({b['class_name']},{','.join(str(b[f]) for f in FIELDS)})" for b in metric]
    return {
        "text": text,
        "scene": "P",
        "parsed": parsed,
        "undiscretized": plain,
        "metric_uvz": metric,
        "serialized": "\n".join(lines) + "\n",
        "metric_xyz": spatial,
        "rounded3d": [rounded_3d(box) for box in spatial],
        "projected": projected,
        "rounded2d": [rounded(found["bbox_2d"]) for found in projected],
    }


def _box(index: int, name: str, values: list[float]) -> Box:
    return {"id": index, "class_name": name, **dict(zip(FIELDS, values, strict=True))}


def _with(box: Box, values: list[float]) -> Box:
    return _box(box["id"], box["class_name"], values)


def _undiscretized(box: Box) -> list[float]:
    u, v, z, angle, *size = (box[name] for name in FIELDS)
    turn = angle / 1000 * 4 * math.pi - 2 * math.pi
    return [u / 1000, v / 1000, z / 1000 * 2, turn, *(s / 1000 * 0.625 for s in size)]


def _metric(box: Box, scene: Scene) -> list[float]:
    u, v, z, angle, *size = (box[name] for name in FIELDS)
    scale = scene["scaling_init"]
    return [u, v, z / scale + scene["shift0"][2], angle, *(s / scale for s in size)]


def _without_uv(box: Box) -> Box:
    return {name: value for name, value in box.items() if name not in ("position_u", "position_v")}


def _position(box: Box, scene: Scene) -> Box:
    inverse = np.linalg.inv(np.array(scene["intr"], dtype=np.float32)).astype(np.float64)
    x, y, _ = box["position_z"] * (inverse @ [box["position_u"], box["position_v"], 1.0])
    return {"position_x": float(-x), "position_y": float(-y)}


def _projected(box: Box, scene: Scene) -> dict[str, Any]:
    camera = np.array(scene["intr"], dtype=np.float32).astype(np.float64)
    centre = np.array([box[f"position_{axis}"] for axis in "xyz"])
    half = np.array([box[f"scale_{axis}"] for axis in "xyz"]) / 2
    points = [centre, *(centre + np.array(signs) * half for signs in CORNERS)]
    pixels = [(camera @ [-x, -y, z])[:2] / z if z > 0 else None for x, y, z in points]
    middle = pixels[0]
    assert middle is not None, f"expected the centre in front of the camera, got {centre}"
    seen = np.array([pixel for pixel in pixels[1:] if pixel is not None])
    size = seen.max(axis=0) - seen.min(axis=0)
    return {
        "corners_2d": [None if pixel is None else pixel.tolist() for pixel in pixels[1:]],
        "center_2d": middle.tolist(),
        "bbox_2d": [*middle.tolist(), *size.tolist()],
    }


def rounded(values: list[float]) -> list[float]:
    """By numpy's rule."""
    return [float(np.round(np.float64(value), 2)) for value in values]


def rounded_3d(box: Box) -> list[float]:
    """x and y by numpy's rule, the rest by Python's."""
    rest = [box["position_z"], box["scale_x"], box["scale_y"], box["scale_z"]]
    return [*rounded([box["position_x"], box["position_y"]]), *(round(float(value), 2) for value in rest)]


def _encoded(random: np.random.RandomState) -> dict[str, Any]:
    index, name = int(random.randint(0, 30)), "Thing"
    u, v = random.uniform(0, 1, 2).tolist()
    z, angle = random.uniform(0, 2.2), random.uniform(-6, 6)
    size = random.uniform(0, 0.7, 3).tolist()
    numbers = ",".join(repr(value) for value in (u, v, z, angle, *size))
    found: dict[str, Any] = {"text": f"bbox_{index}=Bbox({name},{numbers})\n"}
    for option, rounds, least in (("default", False, 0), ("round_uv", True, 0), ("round_uv_keep1", True, 1)):
        uv = [min(max(round(x * 1000), 0), 999) if rounds else x * 1000 for x in (u, v)]
        depth, turn = int(z / 2 * 1000), int((angle + 2 * math.pi) / (4 * math.pi) * 1000)
        sizes = [min(max(int(s / 0.625 * 1000), least), 999) for s in size]
        bins = [*uv, min(depth, 999), min(max(turn, 0), 999), *sizes]
        for suffix, label in (("", name), ("_lower", name.lower())):
            found[option + suffix] = f"bbox_{index}=Bbox({label},{','.join(map(str, bins))})\n"
        found[f"{option}_roundtrip"] = [
            _with(_box(index, name, bins), _undiscretized(_box(index, name, bins)))
        ]
    return found


def first_sentence(text: str) -> str:
    """The shortest beginning of one line that ends in '.' or '?', else all."""
    line = text.split("\n", 1)[0]
    ends = [i for i, character in enumerate(line) if character in ".?" and i > 0]
    return line[: ends[0] + 1] if ends else text


def conversations(scene: Scene, grid: Any, random: np.random.RandomState) -> dict[str, Any]:
    """Both ways to ask, with none to four objects."""
    pads = int(np.prod(grid)) // 4
    entries = {}
    for count in range(5):
        reply = "\n".join(_line(i, random) for i in range(count)) + "\n" if count else "There is nothing."
        boxes = _decoded(reply, scene)
        names = [box["class_name"] for box in boxes["parsed"]]
        ids = [f"{i}_{name}" for i, name in enumerate(names)]
        question = f"<image>How tall is it in scene {random.randint(99)}? Please say."
        stage = _chat(
            f"{question} First locate the bbox of the aforementioned object(s). {_reference()}", pads
        )
        answer = _chat(first_sentence(question) + _condition(ids if count > 3 else names, boxes), pads)
        entries[f"auto_split_{count}obj"] = _entry([question, ""], reply, [stage, answer], question, boxes)
        opening = f"<image>Identify the 3D boxes for all objects in this scene. {_reference()}"
        follow = f"Compare {', '.join(ids)}, please." if ids else "What is the height of 9_plant?"
        prompts = [
            _chat(opening, pads),
            _chat(f"<image>{first_sentence(follow)}" + _condition(ids, boxes), pads),
        ]
        entries[f"two_step_{count}obj"] = _entry([opening, "", follow, ""], reply, prompts, opening, boxes)
    return entries


def _reference() -> str:
    return "The reference code is as followed: <code_template>"


def _chat(user: str, pads: int) -> str:
    user = user.replace("<code_template>", CODE)
    user = user.replace("<image>", f"<|vision_start|><|image_pad|>*{pads}<|vision_end|>")
    return (
        "<|im_start|>system\nYou are Qwen, created by Alibaba Cloud. You are a helpful assistant.<|im_end|>\n"
        f"<|im_start|>user\n{user}<|im_end|>\n<|im_start|>assistant\n"
    )


def _condition(names: list[str], boxes: dict[str, Any]) -> str:
    parts = [(kind, boxes[f"rounded{kind.lower()}"]) for kind in ("3D", "2D")]
    if not names:
        return ""
    if len(names) < 3:
        texts = [
            f"The {k} bbox of {n} is {b}. " for k, found in parts for n, b in zip(names, found, strict=True)
        ]
    elif len(names) == 3:
        texts = [
            f"The {k} bbox of {names[0]}, {names[1]} and {names[2]} is {b[0]}, {b[1]} and {b[2]}. "
            for k, b in parts
        ]
    else:
        texts = [f"The {k} bbox of {names} is {b}. " for k, b in parts]
    return " " + "".join(texts)


def _entry(
    messages: list[str], reply: str, prompts: list[str], question: str, boxes: dict[str, Any]
) -> dict[str, Any]:
    kwargs = {"max_new_tokens": 4096, "temperature": 0.6, "top_p": 0.95, "top_k": 10}
    calls = [{"prompt": prompt, "n_ids": _count(prompt), "kwargs": kwargs} for prompt in prompts]
    grounding = boxes["serialized"] if boxes["parsed"] else reply
    output = {"question": question, "Native 3D Grounding": grounding}
    return {"error": None, "calls": calls, "messages": messages, "stage1_reply": reply, "outputs": [[output]]}


def _count(prompt: str) -> int:
    """One id per character and per special token; pads are written as a number of them."""
    pads = re.search(r"<\|image_pad\|>\*(\d+)", prompt)
    bare = re.sub(r"<\|image_pad\|>\*\d+", "", prompt)
    return len(re.sub(r"<\|\w+\|>", "#", bare)) + (int(pads.group(1)) if pads else 0)
