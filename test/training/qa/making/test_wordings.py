"""Only wordings that a model can read are drawn, and what it could not read is counted."""

import random
import re

import pytest
from qa_sets import VOCABULARY, random_row
from tokenizers import Tokenizer
from tokenizers.models import WordLevel
from tokenizers.pre_tokenizers import Whitespace

from n3d_ros.errors import ModelFolderError
from n3d_ros.training.qa.config import QaConfig
from n3d_ros.training.qa.making import templates
from n3d_ros.training.qa.making.asking import LeftOut, Maker, Tally
from n3d_ros.training.qa.making.picture import picture_rng, questions_of
from n3d_ros.training.qa.making.scene import scene_of_row
from n3d_ros.training.qa.making.wordings import KnownWords

KNOWN = "<unk> how far wide is the from to left right of which one or what all objects in , ? . 0"
NAMES = {word for name in VOCABULARY.names for word in name.split()}


@pytest.fixture
def words(tmp_path):
    ids = {word: number for number, word in enumerate(KNOWN.split())}
    tokenizer = Tokenizer(WordLevel(ids, unk_token="<unk>"))
    tokenizer.pre_tokenizer = Whitespace()
    tokenizer.save(str(tmp_path / "tokenizer.json"))
    return KnownWords.of_model(tmp_path)


def made(words, num_pictures=12, **config):
    tally, found = Tally(), []
    for index in range(num_pictures):
        rng = picture_rng(0, index)
        scene = scene_of_row(random_row(index), rng, tally.objects)
        found += questions_of(Maker(scene, QaConfig(**config), rng, tally, VOCABULARY, words))
    return found, tally


def test_wordings_are_kept_whose_words_are_known_whatever_stands_in_their_slots(words):
    wordings = ("How far is the {a} from the {b}?", "How wide is the {a}?", "Please say how far.", "{p} {e}")
    assert words.among(wordings) == ("How far is the {a} from the {b}?", "How wide is the {a}?", "{p} {e}")


def test_lacking_words_are_told_apart_from_names_and_from_capitals(words):
    assert words.lacking("HOW WIDE IS THE gadget, roughly?", {"gadget"}) == ["roughly"]
    assert words.lacking("how wide is the gadget's?", {"gadget"}) == []


def test_only_readable_questions_are_made_and_the_rest_is_counted(words):
    found, tally = made(words)
    assert {one.category for one in found} >= {"size", "distance", "left_right"}
    assert tally.left_out["words_unknown"] > 0
    for one in found:
        left = set(re.findall(r"[a-z]+", one.text.lower())) - {*KNOWN.split(), *NAMES}
        assert not left, one.text
    wide = {one.text for one in found if one.form == "width" and "how wide" in one.text.lower()}
    assert wide, "the wording that can be read is asked"


def test_plurals_that_are_not_known_are_no_names(words):
    found, _ = made(words, shares={"grounding": 1.0}, absent_share=0.0)
    texts = {one.text for one in found if one.form == "all_of_name"}
    assert texts and not any(text.startswith("all ") or text in ("mugs", "chairs") for text in texts)


def test_a_form_without_readable_wording_is_left_out(words):
    maker = Maker(None, QaConfig(), random.Random(0), Tally(), VOCABULARY, words)
    with pytest.raises(LeftOut, match="words_unknown"):
        maker.choose(templates.COUNT)
    assert maker.choose(templates.WIDTH) == "How wide is the {a}?"


def test_without_a_model_every_wording_is_drawn_as_before():
    maker = Maker(None, QaConfig(), random.Random(3), Tally(), VOCABULARY)
    assert maker.choose(templates.COUNT) == random.Random(3).choice(templates.COUNT)


def test_a_folder_without_tokenizer_is_no_model(tmp_path):
    with pytest.raises(ModelFolderError, match="expected a tokenizer file"):
        KnownWords.of_model(tmp_path)
