"""What people made of the labels of before, which a relabel drew for them."""

from labelloop.adapters.cvat.jobs import change_shapes, jobs_of_task, rectangle
from labelloop.adapters.cvat.prefill import prefill
from labelloop.adapters.cvat.projects import find_project
from labelloop.adapters.cvat.pull import content
from labelloop.core.vocabulary import relabel_name
from labelloop.resources import carried
from labelloop_tests.sending import place, project_to_send, send

__all__ = ["place"]

BATCH = relabel_name(1)
BOX = {"type": "rectangle", "label": "cat", "points": [1.0, 2.0, 30.0, 40.0]}
OTHER = {"type": "rectangle", "label": "dog", "points": [5.0, 5.0, 20.0, 20.0]}
POLYGON = {"type": "polygon", "label": "dog", "points": [1.0, 1.0, 9.0, 1.0, 9.0, 9.0]}
LINE = {"type": "polyline", "label": "cat", "points": [1.0, 1.0, 9.0, 9.0]}


def drawn_for_people(now, place):
    """One task with four shapes on its first image; returns what is known of it."""
    sent = send(now, place.server, "v0")
    (task,) = sent["tasks"]
    frame = min(task["frames"])
    ids = find_project(place.server, now.settings.project_name).label_ids
    named = {number: name for name, number in ids.items()}
    for _ in range(2):  # a run that broke off before it could say so draws nothing twice, and knows what it drew
        jobs = prefill(place.server, task["task_id"], {frame: [BOX, OTHER, POLYGON, LINE]}, ids)
        carried.note(now, BATCH, task, jobs, named)
    return task, frame, ids


def compared(now, place, task):
    return carried.comparison(now, BATCH, [content(place.server, task["task_id"])], task["frames"])


def test_each_shape_that_was_drawn_is_told_as_what_people_made_of_it(place, tmp_path):
    now = project_to_send(tmp_path, ["a.png", "b.png"], project="carried")
    assert carried.comparison(now, BATCH, [], {}) is None
    assert carried.told_of_taking(now, [None]) == {}
    task, frame, ids = drawn_for_people(now, place)
    assert set(compared(now, place, task).sent["fate"]) == {"untouched"}
    (job,) = jobs_of_task(place.server, task["task_id"])
    [here] = [each for each in content(place.server, task["task_id"]).frames if each.name == frame]
    _, other, polygon, _ = here.shapes
    change_shapes(place.server, job.job_id, "update", [{**polygon, "points": [1, 1, 9, 1, 9, 30]}])
    change_shapes(place.server, job.job_id, "delete", [other])
    change_shapes(place.server, job.job_id, "create", [rectangle(ids["dog"], here.frame, (40, 5, 60, 30))])
    found = compared(now, place, task)
    fates = dict(zip(found.sent["shape_id"], found.sent["fate"], strict=True))
    assert [fates[shape["id"]] for shape in here.shapes] == ["untouched", "deleted", "edited", "untouched"]
    assert sorted(found.back["fate"]) == ["added", "edited", "untouched", "untouched"]
    told = carried.told_of_taking(now, [found, None, found])
    assert told["share of earlier shapes left as they were"] == 0.5
    by_class = [row.data for row in told["earlier shapes by class"].records]
    assert [(row["label"], row["sent"], row["added"]) for row in by_class] == [("cat", 4, 0), ("dog", 4, 2)]
    # What somebody has changed before it could be noted is not known again; a task that is gone says nothing.
    carried.note(now, BATCH, task, [], {})
    assert len(compared(now, place, task).sent) == 0
    assert len(carried.comparison(now, BATCH, [], {}).sent) == 0
