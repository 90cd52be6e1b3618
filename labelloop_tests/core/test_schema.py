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


def test_a_class_of_another_name_keeps_its_id_and_is_read_under_the_new_one():
    old = Schema.first(["dog", "cat"]).extend(["dog", "cat", "ant"])
    new = old.rename({"dog": "hound"})
    assert new.classes == ("hound", "cat", "ant")
    assert new.history == old.history
    assert [new.current(name) for name in ("dog", "hound", "cat", "zebra")] == ["hound", "hound", "cat", "zebra"]
    assert new.rename({"dog": "hound"}) is new
    assert Schema.from_dict(json.loads(json.dumps(new.to_dict()))) == new
    assert new.extend(["hound", "cat", "ant", "bee"]).current("dog") == "hound"
    assert new.at(1) == Schema(("hound", "cat"), (2,), {"dog": "hound"})


@pytest.mark.parametrize("names", [{"dog": "hound", "hound": "wolf"}, {"hound": "wolf"}])
def test_a_class_may_be_renamed_again_and_all_its_names_are_known(names):
    schema = Schema.first(["dog", "cat"]).rename({"dog": "hound"}).rename(names)
    assert schema.classes == ("wolf", "cat")
    assert {schema.current(name) for name in ("dog", "hound", "wolf")} == {"wolf"}
    assert schema.rename(names) is schema


def test_a_class_may_get_its_first_name_back():
    schema = Schema.first(["dog", "cat"]).rename({"dog": "hound"}).rename({"hound": "dog"})
    assert (schema.classes, schema.current("hound"), schema.current("dog")) == (("dog", "cat"), "dog", "dog")


@pytest.mark.parametrize(
    ("names", "told"),
    [
        ({"dog": "cat"}, "Two classes cannot become one by renaming: cat"),
        ({"dog": "pet", "cat": "pet"}, "Two classes cannot become one by renaming: pet, pet"),
        ({"dog": "cat", "cat": "dog"}, "`rename` goes in a circle: dog -> cat -> dog"),
        ({"cow": "ox"}, "`rename` speaks of classes that there are not: cow"),
        ({"cat": "puss"}, "Two classes cannot become one by renaming: puss"),
    ],
)
def test_a_renaming_that_would_mix_two_classes_up_is_refused(names, told):
    schema = (
        Schema.first(["kitten", "puss", "dog", "cat"]) if "puss" in names.values() else Schema.first(["dog", "cat"])
    )
    if "puss" in names.values():
        schema = schema.rename({"puss": "tom"})  # labels of before that say puss mean tom
    with pytest.raises(LabelError, match=told):
        schema.rename(names)


def test_a_new_class_cannot_bear_the_former_name_of_another():
    with pytest.raises(LabelError, match="former name"):
        Schema.first(["dog"]).rename({"dog": "hound"}).extend(["hound", "dog"])


def test_a_class_knows_the_version_it_came_with():
    schema = Schema.first(["a"]).extend(["a", "b", "c"]).extend(["a", "b", "c", "d"])
    assert [schema.version_of(name) for name in "abcd"] == [1, 2, 2, 3]


def test_what_is_refused_names_the_ways_there_are():
    with pytest.raises(LabelError, match=r"rename: \{old: new\}.*labelloop relabel --for"):
        Schema.first(["dog", "cat"]).extend(["cat"])
