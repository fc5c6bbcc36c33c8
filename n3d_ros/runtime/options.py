"""Where the release loses something silently: do the right thing, or reproduce it.

One frozen dataclass with the options of docs/specification/quirks.md 4. The defaults are right; `UPSTREAM`
is the strict mode that does all the release does. It knows no model or prompt. Two options are about a
picture's file, which the pipeline never sees: whoever reads one calls `as_the_model_sees_it`.
"""

from __future__ import annotations

from dataclasses import dataclass, fields
from pathlib import Path

from n3d_ros.files.frames import ORIENTATIONS, as_released
from n3d_ros.files.picture_file import RESIZE_MODES
from n3d_ros.model_folder.config import BOX_FITS, SECOND_LOOKS
from n3d_ros.preprocess.depth import RESHAPES
from n3d_ros.preprocess.prepare import Observation
from n3d_ros.protocol.evidence import MENTION_RULES
from n3d_ros.protocol.prompts import OVERFLOWS, SENTENCE_RULES
from n3d_ros.runtime.decoding.sampling import SAMPLINGS

BOX_INDEX_RULES = ("any_index", "upstream")
ANSWER_RULES = ("evidence", "upstream")
REPEATED_BOXES = ("once", "upstream")

# LLaMA-Factory's default limit of a prompt in tokens, which the release keeps
# (docs/specification/prompts.md 4.3).
RELEASED_CUTOFF = 2048
# What an empty reference answer takes of that limit: its end token and a line break.
EMPTY_ANSWER_TOKENS = 2

VALUES = {
    "point_map_reshape": RESHAPES,
    "mention_rule": MENTION_RULES,
    "box_index_rule": BOX_INDEX_RULES,
    "repeated_boxes": REPEATED_BOXES,
    "prompt_overflow": OVERFLOWS,
    "sentence_rule": SENTENCE_RULES,
    "answer_rule": ANSWER_RULES,
    "sampling": tuple(SAMPLINGS),
    "orientation": ORIENTATIONS,
    "resize_mode": RESIZE_MODES,
    "second_look": ("model", *SECOND_LOOKS),
    "box_fit": ("model", *BOX_FITS),
}


@dataclass(frozen=True)
class Options:
    """The first value of each is the default and right; the other is the release's.

    point_map_reshape: 'true_shape' | 'upstream', which shears near-square landscape maps (quirk W1).
    mention_rule: 'exact_names' | 'upstream', whose pattern swallows the words after a name and matches no
    '/', '-', quotes, other letters or capitals (quirk W2).
    box_index_rule: 'any_index' | 'upstream', which reads bins as metres where no box is numbered 0
    (quirk W3).
    repeated_boxes: 'once' leaves out a box that fills the place of an earlier one of its name
    (`runtime/objects.py`) and says so | 'upstream', where all of them are objects.
    prompt_overflow: 'error' | 'cut_end', which drops all after 2,048 tokens, assistant header first.
    sentence_rule: 'whole_sentence' | 'upstream', whose second stage reads a question up to its first '.' or
    '?', also the one in "1. How far" and "over 1.5 m" (rule R5).
    answer_rule: 'evidence' gives no answer without the objects it is about and replaces a sentence that
    geometry does not confirm | 'upstream' reasons without numbers (quirk W4) and lets the model's
    words stand.
    sampling: 'greedy' | 'upstream', which draws at temperature 0.6, top-k 10, top-p 0.95.
    orientation: 'apply_once' to picture and depth | 'upstream', whose language model gets a picture with an
    EXIF orientation as it is stored while its point map is of the upright one (guard G4).
    resize_mode: 'rgb' | 'upstream', which resizes palette, black-and-white, CMYK and transparent pictures in
    their own colours before it converts them.
    second_look: 'model', as its folder says | 'off', as in the release; also 'mirrored' and 'closer'
    (`runtime/looks/second_look.py`).
    box_fit: 'model', as its folder says | 'off', as in the release; also 'depth', which moves the sides of
    boxes to where depth shows them (`depth_fit/fit.py`).
    """

    point_map_reshape: str = "true_shape"
    mention_rule: str = "exact_names"
    box_index_rule: str = "any_index"
    repeated_boxes: str = "once"
    prompt_overflow: str = "error"
    sentence_rule: str = "whole_sentence"
    answer_rule: str = "evidence"
    sampling: str = "greedy"
    orientation: str = "apply_once"
    resize_mode: str = "rgb"
    second_look: str = "model"
    box_fit: str = "model"

    def __post_init__(self) -> None:
        for field in fields(self):
            value = getattr(self, field.name)
            if value not in VALUES[field.name]:
                raise ValueError(f"{field.name}: expected one of {VALUES[field.name]}, got {value!r}")


RIGHT = Options()
UPSTREAM = Options(**{name: values[1] for name, values in VALUES.items()})


def as_the_model_sees_it(seen: Observation, image: Path, options: Options) -> Observation:
    """What the model is shown of the file `image`, whose upright picture is in `seen`."""
    if (options.orientation, options.resize_mode) == (RIGHT.orientation, RIGHT.resize_mode):
        return seen
    return as_released(seen, image, options.orientation, options.resize_mode)
