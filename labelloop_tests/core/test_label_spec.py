import pytest

from labelloop.core.label_spec import AttributeSpec, LabelSpec, differences, is_a_range, missing_attributes, values_of

SIDE = AttributeSpec("side", "select", ("left", "right"), "left")
WANTED = LabelSpec("cat", "rectangle", "#ff0000", (SIDE,))


@pytest.mark.parametrize(
    ("there", "said"),
    [
        (WANTED, []),
        (LabelSpec("cat", "rectangle", "#00ff00", (SIDE, AttributeSpec("note", "text"))), []),
        (LabelSpec("cat", "rectangle", "", (AttributeSpec("side", "select", ("left", "right"), "right"),)), []),
        (LabelSpec("cat", "rectangle"), []),
        (LabelSpec("cat", "any", "", (SIDE,)), ["label 'cat' is of type rectangle here and any there"]),
        (
            LabelSpec("cat", "rectangle", "", (AttributeSpec("side", "radio", ("left", "right")),)),
            ["attribute 'side' of label 'cat' is select left, right here and radio left, right there"],
        ),
        (
            LabelSpec("cat", "rectangle", "", (AttributeSpec("side", "select", ("left", "top"), mutable=True),)),
            ["attribute 'side' of label 'cat' is select left, right here and mutable select left, top there"],
        ),
    ],
)
def test_a_difference_shows_both_sides(there, said):
    assert differences(WANTED, there) == said


def test_a_label_of_which_nothing_was_said_differs_from_none():
    assert differences(LabelSpec("cat"), LabelSpec("cat", "polygon", "#123456", (SIDE,))) == []


def test_attributes_that_are_missing_are_those_of_no_such_name():
    note = AttributeSpec("note", "text")
    wanted = LabelSpec("cat", attributes=(SIDE, note))
    assert missing_attributes(wanted, LabelSpec("cat", attributes=(SIDE,))) == [note]
    assert missing_attributes(wanted, LabelSpec("cat")) == [SIDE, note]


def test_values_that_say_nothing_are_left_out_and_numbers_are_compared_as_such():
    assert values_of("checkbox", ["false"]) == values_of("text", [""]) == ()
    assert values_of("number", ["0", "10.0", "1"]) == values_of("number", ["0.0", "10", "1.0"])
    assert values_of("select", ["1.0"]) != values_of("select", ["1"])


@pytest.mark.parametrize(("values", "is_one"), [("0 10 1", True), ("0 10", False), ("5 1 1", False), ("0 1 x", False)])
def test_a_range_is_the_least_the_greatest_and_the_step(values, is_one):
    assert is_a_range(values.split()) is is_one
