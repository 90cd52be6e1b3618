from pathlib import Path

import pandas as pd
import pytest

from labelloop.adapters.report.charts import batch_map, class_bars, colours_of, learning_curve
from labelloop.adapters.report.markup import Safe, table, tag
from labelloop.adapters.report.page import render
from labelloop.adapters.report.story import Failure, Story
from labelloop.core.summary import Turn
from labelloop_tests.pictures import write

BOX = pd.DataFrame([{"label": "<b>", "x1": 1.0, "y1": 2.0, "x2": 9.0, "y2": 8.0}])


def story(**changes):
    nothing = {
        "title": "a & b", "made": "now", "facts": [], "turns": [], "class_counts": pd.DataFrame(),
        "places": pd.DataFrame(), "failed_of": "", "failures": [], "stopped": "",
    }  # fmt: skip
    return Story(**(nothing | changes))


def turn(number, map50=0.5):
    return Turn(f"v{number}", 40 * (number + 1), map50, map50 / 2, 10.0, 1.0)


def failure(path: Path):
    return Failure(write(path), "<i>.png", (32, 20), 1, 0, BOX, BOX.assign(score=0.5))


def test_names_are_text_wherever_they_come_from(tmp_path):
    page = render(story(failures=[failure(tmp_path / "x.png")], failed_of="v0", stopped="<u>"))
    assert "a &amp; b" in page
    assert "&lt;b&gt; 0.50" in page
    assert "&lt;i&gt;.png" in page
    assert "<b>:" not in page
    assert "<u>" not in page


def test_a_project_without_anything_has_a_page_all_the_same():
    assert "<h2>" not in render(story())


def test_labels_and_predictions_are_drawn_where_they_are(tmp_path):
    page = render(story(failures=[failure(tmp_path / "x.png")], failed_of="v0"))
    assert 'viewBox="0 0 32 20"' in page
    assert page.count('<rect x="1" y="2" width="8" height="6"') == 2


@pytest.mark.parametrize("values", [[0.5], [0.0, 0.0], [0.2, 0.9, 1.0]])
def test_a_curve_is_drawn_inside_its_frame_whatever_its_values(values):
    svg = learning_curve([turn(number, value) for number, value in enumerate(values)])
    assert svg.count("<circle") == 2 * len(values)
    assert "nan" not in svg
    assert "inf" not in svg


def test_iterations_have_one_colour_in_every_chart_and_the_hold_out_none_of_theirs():
    assert colours_of(["hold-out", "v0", "v9"]) == {"hold-out": "held", "v0": "s0", "v9": "s1"}


@pytest.mark.parametrize("count", [0, 1, 7, 98, 12345])
def test_bars_have_a_few_round_ticks(count):
    svg = class_bars(pd.DataFrame({"v0": [count]}, index=["cat"]), {"v0": "s0"})
    assert 1 <= svg.count('class="grid"') <= 7


def test_a_map_of_one_point_and_a_map_of_very_many_can_be_drawn():
    one = pd.DataFrame({"x": [0.0], "y": [0.0], "group": ["pool"]})
    assert batch_map(one, []).count("<circle") == 1
    many = pd.DataFrame({"x": range(100_000), "y": range(100_000), "group": "pool"})
    assert batch_map(many, ["v0"]).count("<circle") <= 4000


def test_markup_escapes_attributes_and_keeps_numbers_short():
    assert tag("p", "<", title='"') == '<p title="&quot;">&lt;</p>'
    assert tag("line", stroke_width=1.23456) == '<line stroke-width="1.23"></line>'
    assert isinstance(table(["a"], [["b", 1.0]]), Safe)
