from labelloop.core.label_version import project
from labelloop.core.schema import Schema
from labelloop.core.task_table import OLDER, task_table
from labelloop_tests.core.builders import frame, shape, task

SCHEMA = Schema.first(["cat"])


def test_each_task_says_what_it_held_and_what_became_of_it():
    second = task(
        frame(0, "a", shape(1), shape(2, type="polygon"), shape(3, "unicorn")),
        frame(1, "b", shape(4), deleted=True),
        frame(2, "c", tags=(shape(5),)),
        task_id=2,
    )
    first = task(frame(0, "d"), task_id=1)
    version = project([second, first], {name: name for name in "abcd"}, SCHEMA)
    table = task_table([second, first], version)
    assert list(table["task"]) == ["#1 task 1", "#2 task 2"]
    row = table.iloc[1].to_dict()
    assert (row["frames"], row["removed frames"]) == (3, 1)
    assert row["shapes"] == "polygon 1, rectangle 3, tag 1"
    assert "class not in the schema 1" in row["quarantined"]
    assert second.revision.startswith(row["revision"])
    assert len(row["revision"]) == 8
    assert (table.iloc[0]["shapes"], table.iloc[0]["quarantined"]) == ("", "")
    assert OLDER not in table


def test_frames_that_a_newer_task_has_are_told():
    content = task(frame(0, "d"), task_id=1)
    table = task_table([content], project([content], {"d": "d"}, SCHEMA), {1: 2})
    assert (table.loc[0, "frames"], table.loc[0, OLDER]) == (3, 2)


def test_no_task_is_an_empty_table():
    assert len(task_table([], project([], {}, SCHEMA))) == 0


def test_a_second_frame_of_an_image_is_told_with_what_is_on_it():
    content = task(frame(0, "d"), frame(1, "again", shape(1)))
    table = task_table([content], project([content], {"d": "d", "again": "d"}, SCHEMA), second={1: 1})
    reason = "image that an earlier frame of its task shows as well"
    assert table.loc[0, "quarantined"] == f"frame: {reason} 1, {reason} 1"
    assert table.loc[0, "frames"] == 2
