import pytest

from labelloop.core.name_fields import clashing, name_fields

PATTERN = r"(?P<area>[A-Za-z]+)_(?P<year>\d{4})_q(?P<quadrat>[\w.]+?)(?:_(?P<depth>[-\d.]+)m)?\."


def test_groups_become_fields_typed_by_all_of_their_values():
    names = {"s1": "a/Reef_2019_q07_3.5m.jpg", "s2": "Bay_2020_q8a_-12m.jpg", "s3": "Bay_2021_q9.jpg", "s4": "else.jpg"}
    found = name_fields(PATTERN, names)
    assert found.types == {"area": str, "year": int, "quadrat": str, "depth": float}
    assert found.values["year"] == {"s1": 2019, "s2": 2020, "s3": 2021}
    assert found.values["depth"] == {"s1": 3.5, "s2": -12.0}
    assert found.values["quadrat"] == {"s1": "07", "s2": "8a", "s3": "9"}


def test_types_do_not_depend_on_the_order_of_the_images():
    names = {"s1": "Bay_2019_q1.jpg", "s2": "Bay_2019_qx.jpg", "s3": "Bay_2019_q2.jpg"}
    one, other = (name_fields(PATTERN, dict(order)) for order in (names.items(), reversed(names.items())))
    assert one == other
    assert one.types["quadrat"] is str
    assert [list(values) for values in one.values.values()] == [list(values) for values in other.values.values()]


@pytest.mark.parametrize(
    ("texts", "kind"),
    [
        (["1", "-2", "007"], int),
        (["1", "2.5"], float),
        (["1e3", ".5"], float),
        (["1", "a"], str),
        (["nan"], str),
        (["1" * 19], str),
        (["1_000"], str),
        (["٣"], str),
    ],
)
def test_a_type_fits_all_values(texts, kind):
    found = name_fields(r"^(?P<x>.+)\.jpg$", {str(i): f"{text}.jpg" for i, text in enumerate(texts)})
    assert found.types == {"x": kind}
    assert all(type(value) is kind for value in found.values["x"].values())


def test_the_folder_is_no_part_of_the_name():
    assert name_fields(r"(?P<year>\d{4})", {"s": "home/2019/reef.jpg"}).types == {}


def test_a_group_that_found_nothing_makes_no_field():
    assert name_fields(r"a(?P<x>\d)?", {"s": "a.jpg"}).types == {}
    assert name_fields("", {"s": "a.jpg"}).types == {}


@pytest.mark.parametrize("name", ["id", "filepath", "tags", "human_labels", "zcore", "cvat_task", "_year", "weather"])
def test_fields_of_others_are_not_written_over(name):
    assert clashing([name, "year"], {"weather"}) == [name]
