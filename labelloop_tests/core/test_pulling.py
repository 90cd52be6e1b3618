from dataclasses import replace

import pytest

from labelloop.core.annotation import JobNote
from labelloop.core.pulling import counts_in, laid_in, looked_at, merge, to_read
from labelloop_tests.core.builders import frame, shape, task

OFFERED = {"1": "mon", "2": "tue", "3": "wed"}
TAKEN = {"1": "mon", "2": "sun", "9": "fri"}


@pytest.mark.parametrize(
    ("mode", "read"),
    [
        ("task_tracking", ["2", "3"]),
        ("skip_existing", ["3"]),
        ("force_refresh", ["1", "2", "3"]),
        ("skip_if_exist", ["3"]),
    ],
)
def test_what_is_read_again_follows_from_the_mode(mode, read):
    assert to_read(mode, OFFERED, TAKEN) == read


def jobs(**completed):
    return tuple(JobNote(int(key[1:]), "eve", "mon", done) for key, done in completed.items())


def test_of_an_open_job_count_the_images_where_somebody_did_something():
    drawn, empty = frame(0, "drawn", shape(1), job_id=7), frame(1, "empty", job_id=7)
    tagged = frame(2, "tagged", tags=(shape(2),), job_id=7)
    gone, done = frame(3, "gone", deleted=True, job_id=7), frame(4, "done", job_id=8)
    content = replace(task(drawn, empty, tagged, gone, done), jobs=jobs(j7=False, j8=True))
    assert [each.name for each in looked_at(content).frames] == ["drawn", "tagged", "gone", "done"]


def test_frames_of_a_finished_job_count_whether_something_is_on_them_or_not():
    content = replace(task(frame(0, "a"), frame(1, "b", shape(1))), jobs=jobs(j7=True))
    assert looked_at(content) == content


def test_a_frame_of_the_ground_truth_alone_holds_no_labels():
    content = replace(task(frame(0, "a"), frame(1, "hidden", shape(1), job_id=None)), jobs=jobs(j7=True))
    assert [each.name for each in looked_at(content).frames] == ["a"]


def test_an_image_in_two_tasks_keeps_the_newest_frame_whatever_the_order():
    old, new = task(frame(0, "a", shape(1)), frame(1, "b"), task_id=1), task(frame(0, "A"), task_id=2)
    samples = {1: ["s", "t"], 2: ["s"]}
    for contents in ([old, new], [new, old]):
        merged = merge(contents, samples)
        assert merged.sample_of == {"2/A": "s", "1/b": "t"}
        assert merged.older == {1: 1, 2: 0}
        assert [[each.name for each in content.frames] for content in merged.contents] == [["2/A"], ["1/b"]]


def test_samples_are_found_by_frame_number_also_where_frames_are_left_out():
    merged = merge([task(frame(2, "c"))], {1: ["s", "t", "u"]})
    assert merged.sample_of == {"1/c": "u"}


def test_a_track_whose_keyframes_gave_way_stays_where_it_is_still_seen():
    """Else the images it goes on over would count as empty."""
    key = {"type": "rectangle", "frame": 0, "points": [1.0, 1.0, 9.0, 9.0], "outside": False, "id": 5}
    track = {"id": 4, "frame": 0, "label": "cat", "label_id": 1, "shapes": [key]}
    old = task(frame(0, "a", tracks=(track,)), frame(1, "b"), frame(2, "c"), task_id=1)
    merged = merge([old, task(frame(0, "A"), task_id=2)], {1: ["s", "t", "u"], 2: ["s"]})
    assert [[found["id"] for found in each.tracks] for each in merged.contents[1].frames] == [[4], []]


def test_an_image_on_two_frames_of_a_task_keeps_both_and_the_second_is_counted():
    contents = [task(frame(0, "a", shape(1)), frame(1, "b"), frame(2, "again", shape(2)))]
    merged = merge(contents, {1: ["s", "t", "s"]})
    assert merged.sample_of == {"1/a": "s", "1/b": "t", "1/again": "s"}
    assert (merged.second, merged.older) == ({1: 1}, {1: 0})


@pytest.mark.parametrize(
    ("now", "counts"),
    [
        ([frame(0, "a", shape(1)), frame(1, "b", shape(2))], True),
        ([frame(0, "a", shape(1)), frame(1, "b", shape(3))], True),
        ([frame(0, "a", shape(4))], False),
        ([frame(0, "a", shape(1), deleted=True)], False),
        ([frame(1, "b", shape(2))], False),
    ],
)
def test_what_counted_is_looked_for_in_the_whole_task(now, counts):
    assert counts_in(task(*now), task(frame(0, "1/a", shape(1)))) is counts


def test_edits_are_laid_into_the_whole_task_and_what_does_not_count_of_it_stays():
    def track(number, *frames):
        return {"id": number, "frame": frames[0], "label": "cat", "shapes": [{"frame": at} for at in frames]}

    run, gone, aside = track(1, 0, 2), track(2, 1), track(3, 3)
    whole = task(
        frame(0, "a", shape(1), tracks=(run,)), frame(1, "b", tracks=(gone,)), frame(2, "c", shape(2), tracks=(run,)),
        frame(3, "d", shape(3), tracks=(aside,)),
    )  # fmt: skip
    taken = task(frame(0, "1/a", shape(1), tracks=(run,)), frame(1, "1/b", tracks=(gone,)))
    moved = track(1, 0, 1, 2)
    edited = task(frame(0, "1/a", shape(9), tags=(shape(8),), tracks=(moved,)), frame(1, "1/b", tracks=(moved,)))
    assert laid_in(whole, taken, taken) == whole
    assert laid_in(whole, taken, edited) == task(
        frame(0, "a", shape(9), tags=(shape(8),), tracks=(moved,)), frame(1, "b", tracks=(moved,)),
        frame(2, "c", shape(2), tracks=(moved,)), frame(3, "d", shape(3), tracks=(aside,)),
    )  # fmt: skip
