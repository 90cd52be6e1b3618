import pandas as pd
import pytest

from labelloop.adapters.fiftyone.dataset import LoopDataset
from labelloop.adapters.fiftyone.documents import write_fields
from labelloop_tests.fiftyone_world import database

pytestmark = pytest.mark.usefixtures("database")
__all__ = ["database"]


def test_fields_of_several_types_are_written_together_and_seen_by_who_holds_a_sample(loop: LoopDataset) -> None:
    samples = pd.DataFrame({"sample_id": ["s1", "s2", "s3"], "width": 10, "height": 10})
    loop.add_samples(samples, {name: f"/{name}.jpg" for name in samples["sample_id"]})
    held = loop.dataset.first()
    changed = held.last_modified_at
    write_fields(loop.dataset, {"s1": {"area": 1, "place": "a", "never": None}, "s2": {"area": None, "place": None}})
    assert list(loop.dataset.values(["area", "place"])) == [[1, None, None], ["a", None, None]]
    assert not loop.dataset.has_field("never")
    assert held["area"] == 1
    assert held.last_modified_at > changed
    write_fields(loop.dataset, {"s1": {"area": None}, "s3": {"area": 3}})
    assert loop.dataset.values("area") == [None, None, 3]
