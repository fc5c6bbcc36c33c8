"""Tables, plots and page show the figures, and nothing that a model wrote becomes markup."""

from dataclasses import replace
from xml.etree import ElementTree

import pytest
from known_answers import KnowingPipeline, five, picture

from n3d_ros.training.evaluation.asking.observe import Observer
from n3d_ros.training.evaluation.asking.run import ask_all
from n3d_ros.training.evaluation.figures.everything import all_figures
from n3d_ros.training.evaluation.figures.marked import marked
from n3d_ros.training.evaluation.judging.rules import RuleJudge
from n3d_ros.training.evaluation.ledger import Ledger
from n3d_ros.training.evaluation.report.gallery import bad_boxes, gallery, wrong_answers
from n3d_ros.training.evaluation.report.page import page
from n3d_ros.training.evaluation.report.plots import Bar, bar_plot, plots
from n3d_ros.training.evaluation.report.tables import as_text, number, percent, tables


@pytest.fixture
def every(tmp_path):
    questions = five(picture(tmp_path))
    answers = ask_all(KnowingPipeline(shift_m=-0.5), questions, Observer(), Ledger(tmp_path / "a.jsonl"))
    return list(marked(answers, RuleJudge()))


def test_a_share_and_an_estimate_with_their_intervals():
    assert percent({"value": 0.725, "low": 0.66, "high": 0.782, "of": 200}) == "72.5 % [66.0, 78.2]"
    assert percent(None) == percent({"value": None}) == "-"
    unbounded = {"num": 3, "value": 0.027, "low": 0.02, "high": None, "num_drawn": 2}
    assert number(unbounded, 1, 100.0) == "2.7 [2.0, no bound]"


def test_tables_hold_the_figures(every):
    figures = all_figures(every, {}, RuleJudge(), ["gone.png is not there"])
    text = as_text(tables(figures))
    assert ["left", "out,", "picture", "does", "not", "open", "1"] in [
        line.split() for line in text.split("\n")
    ]
    assert "Answers by category" in text and "AP3D" in text and "In the mirror" not in text


def test_bars_end_where_their_values_are():
    svg = ElementTree.fromstring(bar_plot("<Title>", [Bar("a&b", 0.5, 0.25, 0.75, 8)]))
    tag = "{http://www.w3.org/2000/svg}"
    (bar,) = svg.iter(f"{tag}rect")
    assert float(bar.get("width")) == pytest.approx((560 - 190 - 60) / 2)
    whisker = list(svg.iter(f"{tag}line"))[-1]
    assert float(whisker.get("x2")) - float(whisker.get("x1")) == pytest.approx((560 - 190 - 60) / 2)
    words = [text.text for text in svg.iter(f"{tag}text")]
    assert "<Title>" in words and "a&b" in words and "n=8" in words


def test_every_plot_is_well_formed(every):
    drawn = plots(all_figures(every, {}, RuleJudge()))
    assert len(drawn) == 7, "categories; distance, size and reliability of two kinds of boxes"
    for svg in drawn:
        ElementTree.fromstring(svg)


def test_the_page_holds_everything_in_itself(every):
    evil = replace(every[0], reply=replace(every[0].reply, answer="<script>alert(1)</script>"))
    wrong = [replace(one, judgement=RuleJudge().judge(one.question, one.reply.answer)) for one in [evil]]
    text = page(
        "a <model>", all_figures(every, {}, RuleJudge()), gallery([*wrong, *every], Observer(), 4), "x"
    )
    assert "<script" not in text and "&lt;script&gt;" in text and "a &lt;model&gt;" in text
    assert "data:image/jpeg;base64," in text and "http" not in text.replace("http://www.w3.org/2000/svg", "")


def test_the_gallery_deals_wrong_answers_by_category(every):
    wrong = [replace(one, judgement=RuleJudge().judge(one.question, "Perhaps.")) for one in every[:5]]
    chosen = [one.question.category for one in wrong_answers(wrong, 4)]
    assert len(chosen) == 4 and len(set(chosen)) == 4, "one of each before a second of any"
    assert wrong_answers(every[-1:], 4) == []


def test_the_worst_box_of_each_picture_is_shown(every):
    assert [one.question.id for one in bad_boxes(every, 4)] == ["ground"]
    nothing = replace(
        every[-1], question=replace(every[-1].question, boxes=()), reply=replace(every[-1].reply, boxes=())
    )
    assert bad_boxes([nothing], 4) == [], "rightly refused"
