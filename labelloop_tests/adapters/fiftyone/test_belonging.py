import numpy as np
import pandas as pd
import pytest

from labelloop.adapters.fiftyone.dataset import LoopDataset
from labelloop.adapters.fiftyone.shapes import read_shapes, show_shapes
from labelloop.adapters.files import atomic
from labelloop.adapters.files.home import Home
from labelloop.adapters.files.ledger import Ledger
from labelloop.core.errors import DatabaseError
from labelloop.core.schema import Schema
from labelloop.core.shape_labels import ShapeLabel
from labelloop.core.vocabulary import Field
from labelloop_tests.core.builders import labels
from labelloop_tests.fiftyone_world import database

SAMPLES = pd.DataFrame(
    {"sample_id": ["a", "b"], "path": ["x/a.jpg", "x/b.jpg"], "width": 640, "height": 480, "dhash": np.uint64(1),
     "source_split": None, "labelled": False}
)  # fmt: skip


@pytest.fixture
def homes(tmp_path):
    """The same home before and after its folder was moved."""
    made = [Home.of(tmp_path / name / "labelloop.yaml", environ={}) for name in ("before", "after")]
    for home in made:
        atomic.write_json(home.root / "dataset.json", {"uuid": "one"})
        Ledger(home).save_samples(SAMPLES)
    return made


@pytest.fixture
def filled(homes, loop):
    """A data set of the first home, with both images in it."""
    name = f"{loop.dataset.name} filled"
    made = LoopDataset.open(homes[0], database()[1], name)
    made.add_samples(SAMPLES, {row.sample_id: str(homes[0].locate(row.path)) for row in SAMPLES.itertuples()})
    yield made
    made.dataset.delete()


def test_images_are_found_where_the_home_was_moved_to(homes, filled):
    moved = LoopDataset.open(homes[1], database()[1], filled.dataset.name)
    moved.dataset.reload()
    assert moved.dataset.values("filepath") == [str(homes[1].locate(path)) for path in SAMPLES["path"]]


def test_boxes_and_predictions_bear_the_name_their_class_has_today(homes, filled):
    boxes = labels(("a", "cat", 1, 1, 9, 9), ("b", "dog", 1, 1, 9, 9))
    for field in ("human_labels", "predictions_v0"):
        filled.set_boxes(field, boxes, SAMPLES, ["a", "b"])
    Ledger(homes[0]).save_schema(Schema.first(["cat", "dog"]).rename({"dog": "hound"}))
    for _ in range(2):
        dataset = LoopDataset.open(homes[0], database()[1], filled.dataset.name).dataset
        for field in ("human_labels", "predictions_v0"):
            assert dataset.values(f"{field}.detections.label") == [["cat"], ["hound"]]


def test_shapes_bear_the_name_their_class_has_today(homes, filled):
    ring = np.array([[0.1, 0.1], [0.2, 0.1], [0.2, 0.2]])
    drawn = [
        ShapeLabel("a", Field.HUMAN_POLYLINES, "dog", rings=(ring,), closed=True),
        ShapeLabel("b", Field.HUMAN_KEYPOINTS, "dog", rings=(ring,)),
        ShapeLabel("b", Field.HUMAN_SHAPES, "dog", box=(0.1, 0.1, 0.2, 0.2)),
        ShapeLabel("b", Field.HUMAN_CLASSIFICATIONS, "dog"),
    ]
    show_shapes(filled, drawn, ["a", "b"])
    Ledger(homes[0]).save_schema(Schema.first(["cat", "dog"]).rename({"dog": "hound"}))
    renamed = read_shapes(LoopDataset.open(homes[0], database()[1], filled.dataset.name), ["a", "b"])
    assert [label.label for label in renamed] == ["hound"] * 4


def test_a_data_set_of_another_project_is_neither_opened_nor_dropped(homes, filled, tmp_path):
    other = Home.of(tmp_path / "other" / "labelloop.yaml", environ={})
    for make in (LoopDataset.open, LoopDataset.anew):
        told = rf'belongs to another labelloop project.*Set `name`.*"uuid": "{homes[0].dataset_uuid()}"}} into'
        with pytest.raises(DatabaseError, match=told):
            make(other, database()[1], filled.dataset.name)
    filled.dataset.reload()
    assert len(filled.dataset) == 2


def test_a_data_set_that_people_made_is_neither_opened_nor_dropped(homes, loop):
    import fiftyone as fo  # noqa: PLC0415  the database has to be named first

    own = fo.Dataset(f"{loop.dataset.name} of people")
    own.add_sample(fo.Sample(filepath="/x.jpg"))
    try:
        for make in (LoopDataset.open, LoopDataset.anew):
            with pytest.raises(DatabaseError, match="was not made by labelloop"):
                make(homes[0], database()[1], own.name)
        assert len(own) == 1
    finally:
        own.delete()
