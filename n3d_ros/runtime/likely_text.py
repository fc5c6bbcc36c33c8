"""What a second stage probably writes, so that its tokens can be guessed.

In: the question with the boxes that were found for it, and the exact answer where there is one. Out: text, a
guess for the drafter alone. It answers nothing: where the boxes carry other names than the question, the
result has no exact answer, and still the model reasons about these boxes in the words that it wrote itself.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from n3d_ros.boxes import Box3D
from n3d_ros.runtime.topic import Topic
from n3d_ros.spatial import SpatialAnswer, answer_in_order


def likely_text(topic: Topic, exact: SpatialAnswer | None) -> str:
    """The exact answer's text, else that of the boxes in the order in which the question mentions its
    objects; '' for a question about no known relation, or with more or fewer boxes than objects.
    """
    if exact is not None:
        return exact.text
    query = topic.query
    if query is None or len(topic.boxes) != len(query.objects):
        return ""
    return answer_in_order(query, by_mention(topic.question, query.objects, topic.boxes)).text


def by_mention(question: str, names: Sequence[str], boxes: Sequence[Box3D]) -> list[Box3D]:
    """One box per name: the first box for the name that the question mentions first, and so on. A first
    stage lists what it finds in the order in which it is asked.
    """
    text = " ".join(question.split())
    rank = sorted(range(len(names)), key=lambda index: _mentioned_at(text, names[index]))
    return [boxes[rank.index(index)] for index in range(len(names))]


def _mentioned_at(text: str, name: str) -> int:
    found = re.search(rf"(?<!\w){re.escape(name)}(?!\w)", text, re.IGNORECASE)
    return found.start() if found else len(text)
