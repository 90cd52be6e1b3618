import json

import pytest

from labelloop.core.errors import LabelError
from labelloop.core.schema import Schema


@pytest.mark.parametrize("classes", [[], ["cat"], ["cat", "dog", "Zebra"]])
def test_a_schema_comes_back_from_json(classes):
    schema = Schema.first(classes)
    assert Schema.from_dict(json.loads(json.dumps(schema.to_dict()))) == schema
    assert schema.version == 1


def test_ids_do_not_change_when_classes_are_appended():
    """Defect (f) of the published guides: the classes are those that happen to occur, sorted anew each iteration."""
    old = Schema.first(["dog", "cat"])
    new = old.extend(["dog", "cat", "ant", "bee"]).extend(["dog", "cat", "ant", "bee", "asp"])
    assert [new.class_id(name) for name in ("dog", "cat", "ant", "bee", "asp")] == [0, 1, 2, 3, 4]
    assert new.version == 3
    assert [new.classes_at(version) for version in (1, 2)] == [("dog", "cat"), ("dog", "cat", "ant", "bee")]


def test_the_same_list_is_no_new_version():
    schema = Schema.first(["dog", "cat"])
    assert schema.extend(["dog", "cat"]) is schema


@pytest.mark.parametrize(
    ("classes", "told"),
    [
        ([], "'dog' (id 0) is missing; 'cat' (id 1) is missing"),
        (["dog"], "'cat' (id 1) is missing"),
        (["cat", "dog"], "'dog' moved from id 0 to id 1; 'cat' moved from id 1 to id 0"),
        (["hound", "cat"], "'dog' (id 0) became 'hound'"),
        (["ant", "dog", "cat"], "'dog' moved from id 0 to id 1"),
        (["cat"], "'dog' (id 0) is missing; 'cat' moved from id 1 to id 0"),
    ],
)
def test_classes_are_neither_removed_nor_moved_nor_renamed(classes, told):
    with pytest.raises(LabelError, match="only ever appended") as refusal:
        Schema.first(["dog", "cat"]).extend(classes)
    assert told in str(refusal.value)


def test_an_unknown_class_is_named():
    with pytest.raises(LabelError, match="'Dog' is not in the schema: dog, cat"):
        Schema.first(["dog", "cat"]).class_id("Dog")


@pytest.mark.parametrize(
    ("classes", "history"),
    [(("a", "a"), (2,)), ((" ",), (1,)), (("a",), ()), (("a",), (2,)), (("a", "b"), (2, 2)), (("a", "b"), (3, 2))],
)
def test_a_schema_that_contradicts_itself_is_refused(classes, history):
    with pytest.raises(LabelError):
        Schema(classes, history)


@pytest.mark.parametrize("version", [0, 2])
def test_a_version_that_never_was_is_refused(version):
    with pytest.raises(LabelError, match="versions 1 to 1"):
        Schema.first(["a"]).classes_at(version)
