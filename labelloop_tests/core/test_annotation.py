import json
import subprocess
import sys
from dataclasses import asdict, replace

import pytest

from labelloop.core.annotation import TaskContent, content_hash
from labelloop_tests.core.builders import frame, shape, task


def content(points=(10.0, 10.0, 50.0, 40.0), **changes):
    drawn = [shape(1, points=points), shape(2, "ü", attributes=[{"spec_id": 1, "value": "x"}])]
    track = {"id": 5, "label": "cat", "shapes": [{"frame": 0, "points": [1.0, 2.0, 3.0, 4.0]}]}
    first = frame(0, "a.jpg", *drawn, tags=[{"id": 3, "label": "cat"}], tracks=[track])
    return task(replace(first, **changes), frame(1, "b.jpg", deleted=True, job_id=None))


@pytest.mark.parametrize("value", [task(), task(frame(0, "a.jpg")), content()], ids=["no frame", "empty frame", "all"])
def test_a_task_content_comes_back_from_json_with_its_revision(value):
    for plain in (asdict(value), json.loads(json.dumps(asdict(value)))):
        again = TaskContent.from_dict(plain)
        assert again == value
        assert again.revision == value.revision


def test_equal_content_has_an_equal_revision_whatever_the_order_of_keys_and_wherever_the_task_lies():
    turned = [dict(reversed(each.items())) for each in content().frames[0].shapes]
    assert content(shapes=tuple(turned)).revision == content().revision
    assert replace(content(), task_id=9, name="other", url="http://other").revision == content().revision


def test_the_same_boxes_saved_again_have_new_ids_and_the_same_revision():
    first = content().frames[0]
    track = {**first.tracks[0], "id": 50, "shapes": [{**first.tracks[0]["shapes"][0], "id": 51}]}
    again = [{**shape, "id": shape["id"] + 90} for shape in reversed(first.shapes)]
    saved = content(shapes=tuple(again), tags=({**first.tags[0], "id": 60},), tracks=(track,))
    assert saved.revision == content().revision
    assert content(shapes=(*again, again[0])).revision != content().revision


@pytest.mark.parametrize(
    "changed",
    [
        content(points=(10.0, 10.0, 50.0, 40.01)),
        content(shapes=content().frames[0].shapes[:1]),
        content(shapes=(*content().frames[0].shapes, shape(9))),
        content(shapes=(shape(1, "dog"), content().frames[0].shapes[1])),
        content(tags=()),
        content(tracks=()),
        content(deleted=True),
        content(name="c.jpg"),
        replace(content(), frames=content().frames[:1]),
    ],
    ids=["moved", "removed", "added", "renamed", "tag", "track", "deleted", "other image", "fewer frames"],
)
def test_any_change_that_counts_changes_the_revision(changed):
    assert changed.revision != content().revision


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        ([], [], True),
        ([], {}, False),
        ({"a": 1, "b": 2}, {"b": 2, "a": 1}, True),
        ((1, 2), [1, 2], True),
        ([1, 2], [2, 1], False),
        ("1", 1, False),
        (["ab", "c"], ["a", "bc"], False),
        ("ü", "u\u0308", False),
        (None, "None", False),
    ],
)
def test_a_content_hash_is_equal_exactly_for_equal_content(one, other, same):
    assert (content_hash(one) == content_hash(other)) is same
    assert len(content_hash(one)) == 16


def test_a_content_hash_is_the_same_in_another_process():
    code = "from labelloop.core.annotation import content_hash; print(content_hash({'ü': [1.5, None], 'a': (True,)}))"
    told = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert told.stdout.strip() == content_hash({"a": [True], "ü": [1.5, None]})


def test_a_label_that_got_another_name_on_the_server_is_the_same_label():
    named = content(shapes=(shape(1, "cat", label_id=7),))
    assert content(shapes=(shape(1, "feline", label_id=7),)).revision == named.revision
    assert content(shapes=(shape(1, "cat", label_id=8),)).revision != named.revision
