"""Whatever could end the user's turn or a quoted name is refused in the words of users."""

import pytest

from n3d_ros.protocol.prompts import answer_prompt, ground_prompt, ground_question, locate_prompt

TOKENS = [
    "<|im_start|>",
    "<|im_end|>",
    "<|endoftext|>",
    "<|vision_start|>",
    "<|image_pad|>",
    "<|object_ref_start|>",
    "<|fim_middle|>",
    "<|quad_end|>",
]


@pytest.mark.parametrize("token", TOKENS)
@pytest.mark.parametrize("make", [ground_prompt, locate_prompt, lambda question: answer_prompt(question, ())])
def test_every_control_token_is_refused_by_every_prompt(make, token):
    with pytest.raises(ValueError, match="control token") as error:
        make(f"How far is {token} the mug?")
    assert token in str(error.value)


@pytest.mark.parametrize("quote", ["'", '"', "\u2018", "\u2019", "\u201c", "\u201d", "\n", "\r"])
def test_every_kind_of_quote_is_refused_in_a_name(quote):
    with pytest.raises(ValueError, match="expected a name without quotes or line breaks"):
        ground_question(f"red{quote} mug")
