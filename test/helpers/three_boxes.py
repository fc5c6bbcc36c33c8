"""The three boxes that people's questions are asked about, and what came of a question.

Optical frame: the mug is 0.5 m right of the box, 0.3 m higher and 0.5 m nearer.
"""

from n3d_ros.boxes import Box3D
from n3d_ros.spatial import answer, parse_question
from n3d_ros.spatial.types import SIDE

MUG = Box3D("mug", (0.30, -0.10, 1.00), (0.08, 0.10, 0.09), score=0.7)
BOX = Box3D("box", (-0.20, 0.20, 1.50), (0.40, 0.30, 0.25), score=0.9)
TABLE = Box3D("table", (0.00, 0.50, 1.40), (1.20, 0.75, 0.80), score=0.95)
NOT_THERE = "not there"
"""The first thing is not on the side asked about, and the answer says so instead of giving a value."""


def outcome(question, boxes=(MUG, BOX, TABLE)):
    """None where refused, else the verdict, the names picked, the side that holds, or the value rounded."""
    query = parse_question(question)
    try:
        found = None if query is None else answer(query, boxes)
    except ValueError:
        return None
    if found is None:
        return None
    if found.verdict is not None:
        return found.verdict
    if found.names:
        return found.names
    if query.form == SIDE:
        return found.side
    return NOT_THERE if found.value is None else round(found.value, 4)
