import pytest

from labelloop.core.label_version import project
from labelloop.core.looked import common_version, lacking, version_of_source, versions_of_tasks
from labelloop.core.schema import Schema
from labelloop_tests.core.builders import frame, shape, task

SCHEMA = Schema.first(["a"]).extend(["a", "b"]).extend(["a", "b", "c"])


def sent(version=None, **frames):
    return {"frames": frames, **({"schema_version": version} if version else {})}


def test_an_image_was_looked_at_with_the_classes_its_task_was_sent_with():
    record = {"tasks": [sent(1, x="s1", y="s2"), sent(2, z="s3"), sent(None, w="s4")]}
    assert versions_of_tasks(record, 3) == {"s1": 1, "s2": 1, "s3": 2, "s4": 3}
    assert versions_of_tasks(None, 3) == {}


def test_an_image_of_peoples_own_project_was_looked_at_with_the_classes_of_its_first_pull():
    record = {"samples": {"http://t/1": ["s1"], "http://t/2": ["s2"]}, "schema_versions": {"http://t/1": 1}}
    assert versions_of_tasks(record, 2) == {"s1": 1, "s2": 2}


@pytest.mark.parametrize(("used", "version"), [("a", 1), ("", 1), ("ab", 2), ("abc", 3), ("bc", 3), ("ac", 1)])
def test_a_source_was_labelled_with_the_classes_it_uses_and_those_before(used, version):
    assert version_of_source(SCHEMA, used) == version


def test_what_is_looked_for_on_all_images_is_what_the_oldest_was_looked_at_with():
    assert common_version([3, 2, 3], SCHEMA) == 2
    assert common_version([], SCHEMA) == 3
    assert lacking(SCHEMA, 1) == ("b", "c")
    assert lacking(SCHEMA, 3) == ()


def test_a_label_version_says_for_each_image_what_was_looked_for():
    contents = [task(frame(0, "x", shape(1, "c")), frame(1, "y"), frame(2, "z", deleted=True))]
    made = project(contents, {"x": "s1", "y": "s2", "z": "s3"}, SCHEMA, {"s1": 1, "s3": 1})
    assert made.looked_for == {"s1": 1, "s2": 3}
    assert list(made.boxes["label"]) == ["c"]  # whoever drew it although nobody asked for it, drew it


def test_what_is_drawn_under_a_former_name_is_of_todays_class():
    contents = [task(frame(0, "x", shape(1, "a"), shape(2, "z", (1.0, 1.0, 9.0, 9.0))))]
    made = project(contents, {"x": "s1"}, SCHEMA.rename({"a": "z"}))
    assert list(made.boxes["label"]) == ["z", "z"]
    assert made.incomplete == ()
