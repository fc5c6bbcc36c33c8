"""What training asks is what the robot understands."""

import pytest

from n3d_ros.sim import COLORS, KINDS
from n3d_ros.spatial import QUESTIONS, parse_question


@pytest.mark.parametrize("relation", QUESTIONS)
def test_every_template_is_understood_of_everything_that_stands_in_simulated_scenes(relation):
    """Names of which a word belongs to the grammar too ("blue can") are names all the same."""
    names = [f"{color} {kind}" for kind in KINDS for color in COLORS]
    for first in range(0, len(names), 5):
        a, b, c, d = (names[(first + step * 7) % len(names)] for step in range(4))
        for template in QUESTIONS[relation]:
            query = parse_question(template.format(a=a, b=b, c=c, d=d))
            assert query is not None and query.relation == relation, template.format(a=a, b=b, c=c, d=d)
            assert set(query.objects) <= {a, b, c, d}
