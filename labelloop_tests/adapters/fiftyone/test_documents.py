import importlib

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


def test_a_sample_is_stored_as_fiftyone_itself_stores_it_in_the_order_given(loop):
    fo = importlib.import_module("fiftyone")
    ids = [f"s{number}" for number in range(6)]
    paths = {each: f"/{each}.{'png' if each in ('s2', 's4') else 'jpg'}" for each in ids}
    loop.add_samples(pd.DataFrame({"sample_id": ids, "width": range(60, 66), "height": 48}), paths)
    loop.dataset.add_samples(
        [
            fo.Sample(
                paths[each], sample_id=f"theirs {each}", annotation_status="unlabeled",
                metadata=fo.ImageMetadata(width=60 + number, height=48),
            )
            for number, each in enumerate(ids)
        ],
        progress=False,
    )  # fmt: skip
    lot = ("_id", "_rand", "created_at", "last_modified_at")
    stored = list(loop.dataset._sample_collection.find())
    known = [{key: each for key, each in one.items() if key not in (*lot, "sample_id")} for one in stored]
    assert [one["sample_id"] for one in stored[:6]] == ids
    assert known[:6] == known[6:]
    assert {frozenset(one) for one in stored} == {frozenset({*stored[0]})}
    assert len({one["_id"] for one in stored}) == len({one["_rand"] for one in stored}) == 12
    assert all(0.999 <= one["_rand"] <= 1 for one in stored)
    assert [one["_id"] for one in stored] == sorted(one["_id"] for one in stored)


def test_what_is_gathered_is_written_together_or_not_at_all(loop):
    samples = pd.DataFrame({"sample_id": ["s1", "s2"], "width": 10, "height": 10})
    loop.add_samples(samples, {"s1": "/1.jpg", "s2": "/2.jpg"})
    with pytest.raises(KeyError), loop.one_write():
        _write_and_fail(loop)
    assert not loop.dataset.has_field("area")
    with loop.one_write(), pytest.raises(RuntimeError, match="within"), loop.one_write():
        pass
    with loop.one_write():
        loop.write({"s1": {"area": 1}, "s2": {"area": 2}})
        loop.write({"s2": {"area": 3, "place": "b"}})
        assert not loop.dataset.has_field("area")
    assert loop.dataset.values("area") == [1, 3]
    assert loop.dataset.values("place") == [None, "b"]
    loop.write({"s1": {"area": 4}})
    assert loop.dataset.values("area") == [4, 3]


def _write_and_fail(loop: LoopDataset) -> None:
    loop.write({"s1": {"area": 1}})
    raise KeyError
