import pandas as pd
import pytest

from labelloop.adapters.fiftyone.dataset import LoopDataset
from labelloop.adapters.fiftyone.origin import read_info, show_name_fields, show_origin, show_removed
from labelloop.core.errors import ConfigError
from labelloop.core.name_fields import name_fields
from labelloop.core.provenance import provenance
from labelloop_tests.core.builders import frame, task
from labelloop_tests.fiftyone_world import database

pytestmark = pytest.mark.usefixtures("database")


@pytest.fixture
def loop(loop: LoopDataset) -> LoopDataset:
    samples = pd.DataFrame({"sample_id": ["s1", "s2"], "width": 10, "height": 10})
    loop.add_samples(samples, {"s1": "/a.jpg", "s2": "/b.jpg"})
    return loop


def values(loop: LoopDataset, field: str) -> dict:
    return dict(zip(*loop.dataset.values(["sample_id", field]), strict=True))


def test_fields_of_names_follow_their_types_and_go_with_their_groups(loop: LoopDataset) -> None:
    show_name_fields(loop, name_fields(r"(?P<q>\d+)", {"s1": "q1.jpg", "s2": "none.jpg"}))
    assert values(loop, "q") == {"s1": 1, "s2": None}
    show_name_fields(loop, name_fields(r"(?P<q>\w+)\.", {"s1": "q1.jpg", "s2": "none.jpg"}))
    assert values(loop, "q") == {"s1": "q1", "s2": "none"}
    show_name_fields(loop, name_fields("", {}))
    assert not loop.dataset.has_field("q")


def test_a_field_of_somebody_else_is_not_written_over(loop: LoopDataset) -> None:
    loop.set_values("weather", {"s1": "rain"})
    with pytest.raises(ConfigError, match="would write over the fields weather"):
        show_name_fields(loop, name_fields(r"(?P<weather>\w+)", {"s1": "sun.jpg"}))
    assert values(loop, "weather")["s1"] == "rain"


def test_a_sample_says_its_task_and_one_without_a_job_says_none(loop: LoopDataset) -> None:
    content = task(frame(0, "a"), frame(1, "b", job_id=None), task_id=9)
    show_origin(loop, provenance([content], {"a": "s1", "b": "s2"}))
    assert values(loop, "cvat_task_id") == {"s1": 9, "s2": 9}
    assert values(loop, "cvat_job_id") == {"s1": 7, "s2": None}
    assert values(loop, "cvat_revision")["s1"] == content.revision


def test_an_image_that_is_back_loses_the_tag(loop: LoopDataset) -> None:
    show_removed(loop, ["s1"], ["s2"])
    assert loop.dataset.match_tags("removed_in_cvat").values("sample_id") == ["s1"]
    show_removed(loop, [], ["s1", "s2"])
    assert len(loop.dataset.match_tags("removed_in_cvat")) == 0


def test_a_note_is_read_without_opening_the_data_set(loop: LoopDataset) -> None:
    home, uri = database()
    assert read_info(home, uri, loop.dataset.name, "seen") is None
    loop.write_info("seen", "abc")
    assert read_info(home, uri, loop.dataset.name, "seen") == "abc"
    assert read_info(home, uri, "no such data set", "seen") is None
