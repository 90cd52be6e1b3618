import numpy as np
import pandas as pd
import pytest

from labelloop.adapters.fiftyone.belonging import MARK
from labelloop.adapters.fiftyone.dataset import LoopDataset
from labelloop.core.vocabulary import IMG_VIZ, MAP_WORKSPACE, AnnotationStatus, Field, Split, Tag, slug
from labelloop_tests.core.builders import labels
from labelloop_tests.fiftyone_world import database

IDS = [f"s{number}" for number in range(6)]
STATUS = AnnotationStatus


def samples(ids=IDS):
    return pd.DataFrame({"sample_id": list(ids), "width": 640, "height": 480})


def paths(ids=IDS):
    return {name: f"/images/{name}.jpg" for name in ids}


def add(loop, ids=IDS):
    return loop.add_samples(samples(ids), paths(ids))


def splits(**names):
    return pd.DataFrame(list(names.items()), columns=["sample_id", "split"])


def manifest(*rows):
    return pd.DataFrame([(name, *source, "coverage")[:2] for name, *source in rows], columns=["sample_id", "source"])


def having(loop, tag):
    return sorted(loop.dataset.match_tags(tag).values(Field.SAMPLE_ID))


def in_view(loop, name):
    return sorted(loop.dataset.load_saved_view(name).values(Field.SAMPLE_ID))


def by_sample(loop, field):
    return dict(zip(loop.known_ids(), loop.dataset.values(field), strict=True))


def content(loop):
    """All that the data set holds, without FiftyOne's own ids and times."""
    foreign = {"_id", "id", "_dataset_id", "created_at", "last_modified_at", "_cls", "_media_type", "_rand"}

    def plain(value):
        if isinstance(value, dict):
            return {key: plain(each) for key, each in value.items() if key not in foreign}
        return [plain(each) for each in value] if isinstance(value, list) else value

    stored = [plain(sample.to_dict()) | {"tags": sorted(sample.tags)} for sample in loop.dataset]
    views = {name: in_view(loop, name) for name in loop.dataset.list_saved_views()}
    return stored, views, loop.dataset.info


def test_nothing_to_show_changes_nothing(loop):
    assert add(loop, []) == 0
    add(loop)
    loop.set_boxes(Field.HUMAN_LABELS, labels(), samples(), [])
    loop.show_splits(splits())
    loop.show_batch("v0", manifest())
    loop.show_labels("v0", labels(), samples(), [])
    assert set(by_sample(loop, Field.STATUS).values()) == {STATUS.UNLABELED}
    assert in_view(loop, "batch_v0") == in_view(loop, "val_set") == []


def test_samples_are_added_once(loop):
    assert add(loop, IDS[:4]) == 4
    assert add(loop) == 2
    assert add(loop) == 0
    assert loop.known_ids() == IDS
    sample = loop.dataset.first()
    assert (sample.filepath, sample.metadata.width, sample.metadata.height) == ("/images/s0.jpg", 640, 480)
    assert set(by_sample(loop, Field.STATUS).values()) == {STATUS.UNLABELED}


def test_two_samples_cannot_have_the_same_identity(loop):
    add(loop)
    copy = loop.dataset.first().copy()
    copy.filepath = "/images/other.jpg"
    with pytest.raises(ValueError, match="duplicate key"):
        loop.dataset.add_sample(copy)


def test_a_data_set_that_is_there_is_opened_and_not_made_anew(loop):
    add(loop)
    again = LoopDataset.open(*database(), loop.dataset.name)
    assert again.known_ids() == IDS
    assert again.dataset.persistent


def test_a_view_of_samples_is_in_the_order_of_the_data_set(loop):
    add(loop)
    assert loop.view_of(["s5", "s0", "unknown"]).values(Field.SAMPLE_ID) == ["s0", "s5"]
    assert len(loop.view_of([])) == 0


def test_values_go_to_their_own_samples_whatever_the_order(loop):
    add(loop)
    loop.set_values(Field.ZCORE, {"s4": 0.4, "s1": 0.1})
    assert by_sample(loop, Field.ZCORE) == dict.fromkeys(IDS) | {"s4": 0.4, "s1": 0.1}


def test_looked_at_and_empty_is_an_empty_list_and_never_looked_at_is_nothing(loop):
    add(loop)
    loop.set_boxes(Field.HUMAN_LABELS, labels(("s0", "cat", 64, 48, 128, 96)), samples(), ["s1", "s0"])
    stored = by_sample(loop, Field.HUMAN_LABELS)
    assert stored["s1"].detections == []
    assert stored["s2"] is None
    assert stored["s0"].detections[0].bounding_box == [0.1, 0.1, 0.1, 0.1]
    loop.set_boxes(Field.HUMAN_LABELS, labels(), samples(), ["s0"])
    assert by_sample(loop, Field.HUMAN_LABELS)["s0"].detections == []


def test_boxes_come_back_from_the_database_as_they_were(loop):
    add(loop)
    corners = np.sort(np.random.default_rng(0).random((20, 2, 2)) * (640, 480), axis=1).reshape(-1, 4)
    loop.set_boxes(Field.HUMAN_LABELS, labels(*[("s3", "cat", *row) for row in corners]), samples(), ["s3"])
    boxes = np.array([box.bounding_box for box in by_sample(loop, Field.HUMAN_LABELS)["s3"].detections])
    back = np.hstack([boxes[:, :2], boxes[:, :2] + boxes[:, 2:]]) * (640, 480, 640, 480)
    np.testing.assert_allclose(back, corners, rtol=0, atol=1e-9)


def test_exactly_the_given_samples_carry_a_tag(loop):
    add(loop)
    for wanted in (["s0", "s1"], ["s1", "s2"], ["s1", "s2"], []):
        loop.replace_tag("tag", wanted)
        assert having(loop, "tag") == wanted
        assert all(tags.count("tag") <= 1 for tags in loop.dataset.values("tags"))


def test_each_split_has_its_tag_and_its_view(loop):
    add(loop)
    loop.show_splits(splits(s0="pool", s1="val", s2="golden", s3="test", s4="leak", s5="pool"))
    assert {split: having(loop, split.tag) for split in Split} == {
        Split.POOL: ["s0", "s5"], Split.VAL: ["s1"], Split.GOLDEN: ["s2"], Split.TEST: ["s3"], Split.LEAK: ["s4"],
    }  # fmt: skip
    views = {name: in_view(loop, name) for name in loop.dataset.list_saved_views()}
    assert views == {"pool": ["s0", "s5"], "val_set": ["s1"], "golden_qa": ["s2"], "test_set": ["s3"]}


def test_a_batch_has_its_tags_its_status_and_its_view(loop):
    add(loop)
    loop.show_batch("v0", manifest(("s0",), ("s3", "failure")))
    assert having(loop, "batch:v0") == having(loop, Tag.TO_ANNOTATE) == in_view(loop, "batch_v0") == ["s0", "s3"]
    assert (having(loop, "source:coverage"), having(loop, "source:failure")) == (["s0"], ["s3"])
    assert [name for name, status in by_sample(loop, Field.STATUS).items() if status == STATUS.SELECTED] == ["s0", "s3"]


def test_a_golden_image_hidden_in_a_batch_only_gets_the_tag_of_the_batch(loop):
    add(loop)
    loop.show_labels("holdout", labels(("s1", "cat", 1, 1, 9, 9)), samples(), ["s1"])
    loop.show_batch("v0", manifest(("s0",), ("s1", "golden"), ("s2", "golden")))
    assert in_view(loop, "batch_v0") == ["s0", "s1", "s2"]
    assert having(loop, Tag.TO_ANNOTATE) == ["s0"]
    assert [by_sample(loop, Field.STATUS)[name] for name in ("s0", "s1", "s2")] == [
        STATUS.SELECTED, STATUS.ANNOTATED, STATUS.UNLABELED,
    ]  # fmt: skip


def test_labels_that_came_back_end_the_waiting_also_where_people_found_nothing(loop):
    add(loop)
    loop.show_batch("v0", manifest(("s0",), ("s1",), ("s2",)))
    loop.show_labels("v0", labels(("s0", "cat", 1, 1, 9, 9)), samples(), ["s0", "s1"])
    assert having(loop, Tag.TO_ANNOTATE) == ["s2"]
    assert having(loop, "annotated:v0") == ["s0", "s1"]
    status = by_sample(loop, Field.STATUS)
    assert [status[name] for name in IDS[:4]] == [STATUS.ANNOTATED, STATUS.ANNOTATED, STATUS.SELECTED, STATUS.UNLABELED]


def test_writing_everything_twice_is_writing_it_once(loop):
    def write():
        add(loop)
        loop.show_splits(splits(s0="pool", s1="pool", s2="golden", s3="test"))
        loop.show_batch("v0", manifest(("s0",), ("s1", "failure"), ("s2", "golden")))
        loop.show_labels("v0", labels(("s0", "cat", 1, 1, 9, 9)), samples(), ["s0", "s1"])
        loop.set_values(Field.ZCORE, {"s0": 0.5})
        loop.write_info("eval_v0", {"map50": 0.5})

    write()
    once = content(loop)
    write()
    assert content(loop) == once


def test_a_sample_whose_image_lies_elsewhere_follows_it(loop):
    add(loop)
    elsewhere = {name: f"/images/{name}.jpg" for name in IDS} | {"s1": "/other/s1.jpg"}
    assert loop.add_samples(samples(), elsewhere) == 0
    assert by_sample(loop, "filepath")["s1"] == "/other/s1.jpg"


def test_values_set_exactly_are_on_no_other_sample(loop):
    add(loop)
    loop.set_exactly(Field.ZCORE, {"s0": 0.5, "s1": 0.25})
    loop.set_exactly(Field.ZCORE, {"s1": 0.75})
    assert (by_sample(loop, Field.ZCORE)["s0"], by_sample(loop, Field.ZCORE)["s1"]) == (None, 0.75)


def test_a_sample_of_which_nobody_says_anything_any_more_waits_for_nobody(loop):
    add(loop)
    loop.show_batch("v0", manifest(("s0",), ("s1",)))
    loop.show_labels("v0", labels(("s0", "cat", 1, 1, 9, 9)), samples(), ["s0"])
    loop.forget_labels(["s0", "s1"])
    assert having(loop, Tag.TO_ANNOTATE) == []
    assert by_sample(loop, Field.HUMAN_LABELS)["s0"] is None
    assert {by_sample(loop, Field.STATUS)[name] for name in ("s0", "s1")} == {STATUS.UNLABELED}


def test_a_saved_view_follows_the_data(loop):
    add(loop)
    loop.show_batch("v0", manifest(("s0",)))
    loop.show_batch("v0", manifest(("s4",)))
    assert in_view(loop, "batch_v0") == ["s4"]
    assert loop.dataset.list_saved_views() == ["batch_v0"]


def test_the_map_has_the_point_of_each_sample_and_is_replaced_by_the_next(loop):
    add(loop)
    order = ["s3", "s0", "s5"]
    for factor in (1.0, 2.0):
        points = factor * np.arange(6, dtype=float).reshape(3, 2)
        loop.show_map(order, points)
        results = loop.dataset.load_brain_results(IMG_VIZ)
        ids = dict(zip(loop.dataset.values("id"), loop.known_ids(), strict=True))
        shown = {ids[each]: point.tolist() for each, point in zip(results.sample_ids, results.points, strict=True)}
        assert shown == dict(zip(order, points.tolist(), strict=True))
    assert loop.dataset.list_brain_runs() == [IMG_VIZ]
    sides = loop.dataset.load_workspace(MAP_WORKSPACE).children
    assert [side.children[0].type for side in sides] == ["Samples", "Embeddings"]
    # Without one of its panels in front, a side of the App stays empty.
    assert all(side.active_child == side.children[0].component_id for side in sides)


def test_info_written_elsewhere_meanwhile_is_kept(loop):
    other = LoopDataset.open(*database(), loop.dataset.name)
    other.write_info("one", 1)
    loop.write_info("two", {"ü": [2]})
    loop.dataset.reload()
    own = {key: value for key, value in loop.dataset.info.items() if key != MARK}
    assert own == {"one": 1, "two": {"ü": [2]}}


@pytest.mark.parametrize(
    "name",
    [
        "batch_v0",
        "eval_v12_failures",
        "c+o+c+o 2-0-1-7",
        "cat.DOG",
        "---name----",
        "sPaM     aNd  EgGs",
        "a-&-b",
        "Ünï x",
    ],
)
def test_a_view_is_named_in_addresses_by_fiftyones_own_rule(loop, name):
    loop.save_view(name, loop.dataset.view(), "")
    assert loop.dataset._get_saved_view_doc(name).slug == slug(name)
