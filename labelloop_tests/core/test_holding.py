import json

import pytest

from labelloop.core.holding import Holding, deleted_in, is_made_of
from labelloop_tests.core.builders import frame, shape, task

NAMES = {0: "a.png", 1: "b.png", 2: "c.png"}


def box(number: int, on: int, at: float, **more) -> dict:
    return shape(number, points=(at, at, at + 5, at + 6), frame=on, **more)


def holds(first=(), second=(), deleted=()) -> Holding:
    """Two jobs of a task."""
    return Holding({7: {"shapes": list(first)}, 8: {"shapes": list(second)}}, frozenset(deleted))


# One box moves, one stays, one is new; frame 1 belongs to both jobs.
OLD = holds([box(1, 0, 1), box(2, 1, 3)], [box(3, 1, 5), box(4, 2, 7)])
NEW = holds([box(1, 0, 2), box(2, 1, 3), box(3, 1, 5)], [box(4, 2, 7), box(5, 2, 9)], ["c.png"])


def first(part: Holding) -> list:
    return part.jobs[7]["shapes"]


def second(part: Holding) -> list:
    return part.jobs[8]["shapes"]


@pytest.mark.parametrize(
    ("now", "known"),
    [
        (OLD, True),
        (NEW, True),
        (holds(first(NEW), second(OLD)), True),
        (holds(first(NEW), second(NEW)), True),  # frames are deleted last
        (holds(first(OLD), second(NEW)), True),
        (holds([box(91, 1, 3), box(92, 0, 1)], second(OLD)), True),  # ids and order are the server's
        (holds(first(NEW)[:2], second(OLD)), False),  # one less than it was to hold
        (holds(first(NEW), second(OLD)[:1]), False),  # one less than it held
        (holds(first(NEW), second(OLD)[1:]), False),  # one less on the frame of both, where the other has it too
        (holds([*first(OLD), *first(NEW)], second(OLD)), False),  # both within one job
        (holds([*first(NEW), box(3, 1, 5)], second(OLD)), False),  # twice
        (holds(first(NEW), [*second(OLD), box(6, 2, 11)]), False),
        (holds((), ()), False),
        (holds(first(NEW), second(OLD), ["a.png"]), False),
        (holds(second(OLD), first(OLD)), False),  # each job by itself
    ],
)  # fmt: skip
def test_each_job_holds_what_it_held_or_what_it_was_to_hold(now, known):
    assert is_made_of([OLD, NEW], now, NAMES) is known
    there_and_back = [Holding.from_dict(json.loads(json.dumps(part.to_dict()))) for part in (OLD, NEW)]
    assert there_and_back == [OLD, NEW]
    assert is_made_of(there_and_back, now, NAMES) is known


def test_of_nothing_nothing_is_made():
    assert not is_made_of([], OLD, NAMES)


def test_an_attribute_that_a_part_does_not_know_does_not_count_and_one_it_knows_does():
    def noted(value: str) -> list[dict]:
        return [{"spec_id": 1, "name": "note", "value": value}]

    plain, said = holds([box(1, 0, 1)]), holds([box(1, 0, 1, attributes=noted("x"))])
    assert is_made_of([plain], said, NAMES)
    assert is_made_of([said], said, NAMES)
    assert not is_made_of([said], holds([box(1, 0, 1, attributes=noted("y"))]), NAMES)


def test_deleted_frames_are_known_by_name():
    assert deleted_in(task(frame(0, "a.png"), frame(1, "b.png", deleted=True))) == {"b.png"}
