"""What a second stage probably writes, so that its tokens can be guessed.

In: the question with the boxes that were found for it. Out: text, a guess for the drafter alone. It answers
nothing: it computes with the rounded numbers that the prompt shows, as the model must, and where the boxes
carry other names than the question, so that there is no exact answer, the model reasons about them all the
same, in the words that it wrote itself.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from n3d_ros.boxes import Box3D
from n3d_ros.protocol.evidence import as_quoted
from n3d_ros.runtime.answers.results import exact_answer
from n3d_ros.runtime.answers.topic import Topic
from n3d_ros.spatial import answer_in_order


def likely_text(topic: Topic) -> str:
    """The answer's text from the boxes as shown, found by name, else in the order in which the question
    mentions its objects; '' for a question about no known relation, or with more or fewer boxes than objects.
    """
    query, boxes = topic.query, [as_quoted(box) for box in topic.boxes]
    answered, _ = exact_answer(query, boxes)
    if answered is not None:
        return answered.text
    if query is None or not query.is_plain or len(boxes) != len(query.names):
        return ""
    try:
        return answer_in_order(query, by_mention(topic.question, query.names, boxes)).text
    except ValueError:  # boxes that the rule cannot answer about have no likely answer
        return ""


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
