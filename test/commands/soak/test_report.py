import pytest

from n3d_ros.commands.soak.report import End, Sample, Way, report, write_picture

FRAME_MS = 1000 / 30


def samples(age=lambda n: 20.0, own=lambda n: 250.0, count=20):
    return [
        Sample(10.0 * n, own(n), 0.5 * n, 3 * n, age(n), age(n), 4.0, 9.0, 20.0 + n) for n in range(count)
    ]


WAYS = tuple(Way(published, published + 1.0, 0.5, 0.25) for published in (1.5, 1.0, 5.5))
GOOD = End(
    1000, 998, paired=995, unpaired=2, answered=100, exit_code=0, one_by_one=WAYS, cancels_ms=(8.0, 9.0)
)


def test_a_node_that_stays_as_it_was_is_good_and_its_figures_are_said():
    verdict = report(samples(), GOOD, 30.0, FRAME_MS)
    assert verdict.is_good
    for said in (
        "1000, 998, 995",
        "2, 2",
        "100, 895",
        "9.9",
        "20.0 ms and 20.0 ms",
        "5.0 % of a core",
        "250.0 MiB and 250.0 MiB",
        "24.0 MiB and 38.0 MiB",
        "4.0 ms and 9.0 ms",
        "outside the model, frames one by one, p50 and p99  3.0 ms and 6.9 ms",
        "- from the stamp until all is published            1.5 ms and 5.4 ms",
        "- from the stamp until the model's thread has it   2.5 ms and 6.4 ms",
        "- in the node, before and after the model          0.5 ms and 0.5 ms",
        "and from the result until it is received           0.2 ms and 0.2 ms",
        "from cancel to result, of 2, p50 and p99           8.5 ms and 9.0 ms",
    ):
        assert said in verdict.text, said


@pytest.mark.parametrize(
    ("name", "worse", "end"),
    [
        ("frame age is flat", samples(age=lambda n: 20.0 + 5 * n), GOOD),
        ("memory is flat", samples(own=lambda n: 250.0 + 0.2 * n), GOOD),
        ("every frame is accounted for", samples(), End(1000, 998, 900, 2, 100, 0)),
        ("the node ended with 0", samples(), End(1000, 998, 995, 2, 100, -9)),
    ],
)
def test_each_thing_that_grows_worse_is_named(name, worse, end):
    verdict = report(worse, end, 30.0, FRAME_MS)
    assert not verdict.is_good
    [line] = [line for line in verdict.text.splitlines() if line.startswith(name)]
    assert line.endswith("NO") and verdict.text.count("NO") == 1


def test_what_grows_while_it_warms_up_is_not_judged():
    grows = samples(own=lambda n: 250.0 if n >= 3 else 100.0)
    assert report(grows, GOOD, 30.0, FRAME_MS).is_good


def test_too_little_is_not_judged():
    with pytest.raises(ValueError, match="expected four samples or more after 30 s, got 1"):
        report(samples(count=4), GOOD, 30.0, FRAME_MS)


def test_the_picture_has_both_curves(tmp_path):
    write_picture(tmp_path / "soak.svg", samples())
    text = (tmp_path / "soak.svg").read_text()
    assert text.count("<polyline") == 2 and "memory of the node itself" in text
