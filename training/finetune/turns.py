"""A question -> what the robot asks the model about it, and what the model is to reply.

In: a `Question`. Out: one or two `Turn`s: the robot's two calls, with its own prompts. Where the reply is
boxes, it becomes text only once the picture's scale is known (`reply_text`). It does not know tokens, files
or models. Frames: boxes are optical, metres.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from n3d_ros.boxes import Box3D
from n3d_ros.geometry import Intrinsics, SceneScale, optical_to_checkpoint
from n3d_ros.preprocess.prepare import ModelInputs
from n3d_ros.protocol import prompts
from n3d_ros.protocol.box_codec import RELEASED, decode, encode, encode_box, format_box, quantize
from n3d_ros.protocol.box_text import parse
from n3d_ros.training.finetune.configs import AS_IN_PAPER, DIRECT, UVZ, Ablation
from n3d_ros.training.qa.records import DETECT, GROUND, Question

# Where the text of a box is planned before its numbers are known: none has more digits than three.
WIDEST_BINS = (888,) * 7


@dataclass(frozen=True)
class Turn:
    """One call. prompt: the whole chat text with one picture marker. reply: without the end token; None where
    it is `boxes`, in the order in which they are to be written.
    """

    prompt: str
    reply: str | None
    boxes: tuple[Box3D, ...] = ()


def turns(question: Question, ablation: Ablation = AS_IN_PAPER) -> tuple[Turn, ...]:
    """What is learned from a question; empty where it asks for boxes and answers are direct.

    A spatial question is two turns: its objects are located, then reasoned about with the true boxes as
    evidence. Where they are not there, the robot asks no second time.
    """
    boxes = tuple(known.box for known in question.boxes)
    if question.kind in (DETECT, GROUND):
        prompt = prompts.ground_prompt(_asked(question))
        return () if ablation.answers == DIRECT else (Turn(prompt, None, boxes),)
    if ablation.answers == DIRECT:
        return (Turn(prompts.answer_prompt(question.text), question.answer),)
    locate = Turn(prompts.locate_prompt(question.text), None, boxes)
    if not boxes:
        return (locate,)
    evidence = prompts.evidence_from_boxes(boxes, question.picture.intrinsics)
    reply = prompts.joined_answer(question.reasoning, question.answer)
    return (locate, Turn(prompts.answer_prompt(question.text, evidence), reply))


def _asked(question: Question) -> str:
    """A detection is asked as it is; what is to be found is asked for as the robot asks for words."""
    return question.text if question.kind == DETECT else prompts.ground_question(question.text)


def reply_text(turn: Turn, inputs: ModelInputs | None, ablation: Ablation = AS_IN_PAPER) -> str:
    """The reply with its end token. inputs: of the picture as it is trained on; None plans the longest
    text.
    """
    if turn.reply is not None:
        return turn.reply + prompts.TURN_END
    if inputs is None:
        text = _lines([(box.label, WIDEST_BINS) for box in turn.boxes])
    else:
        text = write_boxes(turn.boxes, inputs.scene, inputs.intrinsics, ablation.coordinates)
    return text + prompts.TURN_END


def write_boxes(
    boxes: Sequence[Box3D], scene: SceneScale, intrinsics: Intrinsics, coordinates: str = UVZ
) -> str:
    """Box text, as the robot reads it, or with the centre's x and y in the place of u and v."""
    if coordinates == UVZ:
        return encode(boxes, scene, intrinsics)
    return _lines([(box.label, box_bins(box, scene, intrinsics, coordinates)) for box in boxes])


def box_bins(
    box: Box3D, scene: SceneScale, intrinsics: Intrinsics, coordinates: str = UVZ
) -> tuple[float, ...]:
    """The seven numbers of a box's text. ValueError when its centre is not in front of the camera."""
    write = encode_box if coordinates == UVZ else _xyz_bins
    return write(box, scene, intrinsics)


def _xyz_bins(box: Box3D, scene: SceneScale, intrinsics: Intrinsics) -> tuple[float, ...]:
    """As `encode_box`, but x and y like z: from the scene's corner, in the checkpoint frame."""
    z, turn, *size = encode_box(box, scene, intrinsics)[2:]
    x, y = (
        (value - low) * scene.scale
        for value, low in zip(optical_to_checkpoint(box.center)[:2], scene.shift, strict=False)
    )
    x_bin, y_bin = (quantize((0.0, 0.0, value, 0.0), RELEASED)[2] for value in (x, y))
    return (x_bin, y_bin, z, turn, *size)


def read_boxes(
    text: str, scene: SceneScale, intrinsics: Intrinsics, coordinates: str = UVZ
) -> tuple[Box3D, ...]:
    """The inverse of `write_boxes`, to the lower edge of each bin; what cannot be read is left out."""
    if coordinates == UVZ:
        return tuple(found.box for found in decode(text, scene, intrinsics).boxes)
    return tuple(_from_xyz(found.label, found.values, scene) for found in parse(text).boxes)


def _from_xyz(label: str, bins: Sequence[float], scene: SceneScale) -> Box3D:
    x, y, z = (
        value / RELEASED.num_bins * RELEASED.world_range / scene.scale + low
        for value, low in zip(bins[:3], scene.shift, strict=True)
    )
    sizes = [value / RELEASED.num_bins * RELEASED.size_range / scene.scale for value in bins[4:]]
    return Box3D(label, (-x, -y, z), (sizes[0], sizes[1], sizes[2]))


def _lines(boxes: Sequence[tuple[str, Sequence[float]]]) -> str:
    lines = [format_box(number, label, bins) for number, (label, bins) in enumerate(boxes)]
    return "\n".join(lines) + "\n"
