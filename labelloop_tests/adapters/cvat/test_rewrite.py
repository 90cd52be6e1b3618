import json
from copy import deepcopy
from dataclasses import asdict, replace
from typing import Any

import pytest
from hypothesis import HealthCheck, given
from hypothesis import settings as effort

from labelloop.adapters.cvat.client import CvatServer
from labelloop.adapters.cvat.jobs import change_shapes, delete_frames, jobs_of_task, rectangle
from labelloop.adapters.cvat.projects import ProjectRef
from labelloop.adapters.cvat.pull import content
from labelloop.adapters.cvat.push import push_task
from labelloop.adapters.cvat.rewrite import prepared, write_prepared
from labelloop.core.annotation import TaskContent
from labelloop.core.errors import CvatError
from labelloop_tests.drawings import FRAMES, LABELS, PLAIN, THING, contents

EFFORT = {"deadline": None, "derandomize": True, "suppress_health_check": list(HealthCheck), "database": None}


def make_labels(server: CvatServer, project: ProjectRef, labels: list[dict]) -> None:
    server.write("PATCH", f"/api/projects/{project.id}", "adding labels", {"labels": labels})


@pytest.fixture
def pair(server, project, make_spec):
    """Two tasks of the same images, whose labels and attributes have other ids."""
    make_labels(server, project, LABELS)
    here = push_task(server, project, make_spec(FRAMES, segment_size=0))
    turned = [{**deepcopy(label), "attributes": label.get("attributes", [])[::-1]} for label in LABELS[::-1]]
    body = {"name": project.name, "labels": [{"name": "another"}, *turned]}
    other = server.write("POST", "/api/projects", "making a project", body)
    there = push_task(
        server, ProjectRef(other["id"], project.name, "", {}), make_spec(FRAMES, key="other", segment_size=0)
    )
    return here.task_id, there.task_id


def labels_of(server: CvatServer, task_id: int) -> dict[str, dict]:
    found = server.list_all("/api/labels", "reading labels", task_id=task_id)
    return {label["name"]: label for label in [*found, *(sub for each in found for sub in each["sublabels"])]}


def with_ids(item: Any, labels: dict[str, dict], holder: str = "") -> Any:
    """What people draw, as the server takes it: ids for names."""
    if not isinstance(item, dict):
        return [with_ids(each, labels, holder) for each in item] if isinstance(item, list) else item
    holder = item.get("label", holder)
    specs = {spec["name"]: spec["id"] for spec in labels[holder]["attributes"]}
    new = {key: with_ids(value, labels, holder) for key, value in item.items() if key not in ("label", "attributes")}
    new["attributes"] = [{"spec_id": specs[said["name"]], "value": said["value"]} for said in item["attributes"]]
    return new | ({"label_id": labels[holder]["id"]} if "label" in item else {})


def draw(server: CvatServer, task_id: int, drawn: dict[str, Any]) -> None:
    """Put what people drew into the jobs of a task, as CVAT's own page does."""
    labels = labels_of(server, task_id)
    for job in jobs_of_task(server, task_id):
        frames = range(job.start_frame, job.stop_frame + 1)
        body = {
            kind: [with_ids(_whole(item), labels) for item in drawn[kind] if item["frame"] in frames]
            for kind in ("shapes", "tags", "tracks")
        }
        server.write("PUT", f"/api/jobs/{job.job_id}/annotations/", "drawing", {"version": 0, **body})
    delete_frames(server, task_id, drawn["deleted"])


def _whole(item: dict[str, Any]) -> dict[str, Any]:
    nested = {key: [_whole(part) for part in item[key]] for key in ("shapes", "elements") if key in item}
    return {"attributes": [], **item, **nested}


def bare(pulled: TaskContent) -> str:
    """All that was pulled but what one task alone knows by number; order does not count."""
    plain = json.loads(json.dumps(asdict(pulled)))
    return _sorted_text([{**frame, "job_id": None} for frame in plain["frames"]])


def _sorted_text(item: Any) -> str:
    if isinstance(item, dict):
        numbers = {"id", "label_id", "spec_id"}
        return f"{{{','.join(f'{key}:{_sorted_text(item[key])}' for key in sorted(item.keys() - numbers))}}}"
    if isinstance(item, list) and all(isinstance(each, dict) for each in item):
        return f"[{','.join(sorted(map(_sorted_text, item)))}]"
    return repr(item)


def write_content(server: CvatServer, task_id: int, wanted: TaskContent) -> TaskContent:
    return write_prepared(server, prepared(server, task_id, wanted))


def goes_and_comes_back(server: CvatServer, pair: tuple[int, int], drawn: dict[str, Any]) -> None:
    here, there = pair
    draw(server, here, drawn)
    pulled = content(server, here)
    assert sum(len(frame.shapes) for frame in pulled.frames) == len(drawn["shapes"])
    assert sum(len(frame.tags) for frame in pulled.frames) == len(drawn["tags"])
    tracks = {track["id"] for frame in pulled.frames for track in frame.tracks}
    assert len(tracks) == len(drawn["tracks"])
    assert [frame.frame for frame in pulled.frames if frame.deleted] == drawn["deleted"]
    pushed = write_content(server, there, pulled)
    assert bare(pushed) == bare(pulled)
    assert bare(content(server, there)) == bare(pulled)
    assert bare(write_content(server, here, pushed)) == bare(pulled)


@effort(max_examples=6, **EFFORT)
@given(drawn=contents())
def test_what_is_pulled_and_pushed_is_what_was_drawn(server, pair, drawn):
    goes_and_comes_back(server, pair, drawn)


@pytest.mark.slow
@effort(max_examples=40, **EFFORT)
@given(drawn=contents())
def test_whatever_is_pulled_and_pushed_is_what_was_drawn(server, pair, drawn):
    goes_and_comes_back(server, pair, drawn)


EMPTY = {"shapes": [], "tags": [], "tracks": [], "deleted": []}


def test_writing_replaces_what_was_there_and_restores_deleted_frames(server, pair):
    here, there = pair
    tag = {"label": PLAIN, "frame": 1, "attributes": []}
    draw(server, there, {**EMPTY, "tags": [tag], "deleted": [2]})
    write_content(server, there, content(server, here))
    assert all(not (frame.tags or frame.deleted) for frame in content(server, there).frames)


def test_a_label_or_attribute_that_is_missing_is_named_and_nothing_is_written(server, project, make_spec, pair):
    here, _ = pair
    said = [{"name": "note", "value": "x"}]
    shape = {"type": "points", "points": [1.0, 2.0], "frame": 0, "elements": []}
    draw(server, here, {**EMPTY, "shapes": [{**shape, "label": THING, "attributes": said}]})
    poor = server.write("POST", "/api/projects", "making", {"name": project.name, "labels": [{"name": THING}]})
    task = push_task(server, ProjectRef(poor["id"], project.name, "", {}), make_spec(FRAMES, key="poor"))
    draw(server, task.task_id, {**EMPTY, "tags": [{"label": THING, "frame": 1, "attributes": []}]})
    before = content(server, task.task_id)
    with pytest.raises(CvatError, match="attribute 'note' of label 'thing'"):
        write_content(server, task.task_id, content(server, here))
    draw(server, here, {**EMPTY, "shapes": [{**shape, "label": PLAIN, "attributes": []}]})
    with pytest.raises(CvatError, match="label 'Ünï & co'"):
        write_content(server, task.task_id, content(server, here))
    assert content(server, task.task_id) == before


def test_a_task_of_other_images_is_refused(server, project, make_spec, pair):
    other = push_task(server, project, make_spec(["x.png", "y.png"], key="images"))
    with pytest.raises(CvatError, match="does not have the frames"):
        write_content(server, other.task_id, content(server, pair[0]))


def moving(first: int, last: int) -> dict[str, Any]:
    keyframes = [{"type": "points", "points": [1.0 + at, 2.0], "frame": at, "attributes": []} for at in (first, last)]
    return {"label": PLAIN, "frame": first, "attributes": [], "shapes": keyframes, "elements": []}


def test_shapes_and_tracks_go_to_the_job_that_has_their_frame(server, project, make_spec, pair):
    here = push_task(server, project, make_spec(FRAMES, key="jobs", segment_size=2))
    there = push_task(server, project, make_spec(FRAMES, key="more jobs", segment_size=2))
    shapes = [
        {"type": "points", "points": [1.0, 2.0], "label": PLAIN, "frame": at, "attributes": [], "elements": []}
        for at in range(FRAMES)
    ]
    draw(server, here.task_id, {**EMPTY, "shapes": shapes, "tracks": [moving(0, 1), moving(2, 3)]})
    pulled = content(server, here.task_id)
    assert bare(write_content(server, there.task_id, pulled)) == bare(pulled)
    for job in jobs_of_task(server, there.task_id):
        kept = server.get(f"/api/jobs/{job.job_id}/annotations/", "reading")
        assert [shape["frame"] for shape in kept["shapes"]] == [job.start_frame, job.stop_frame]
        assert [track["frame"] for track in kept["tracks"]] == [job.start_frame]
    assert bare(write_content(server, pair[0], pulled)) == bare(pulled)


def test_a_track_that_would_go_on_after_its_job_is_refused_and_nothing_is_written(server, project, make_spec, pair):
    here, _ = pair
    draw(server, here, {**EMPTY, "tracks": [moving(0, 3)], "tags": [{"label": PLAIN, "frame": 0, "attributes": []}]})
    short = push_task(server, project, make_spec(FRAMES, key="short", segment_size=2))
    before = content(server, short.task_id)
    with pytest.raises(CvatError, match=r"a track on frame 0 .* goes on after frame 1"):
        write_content(server, short.task_id, content(server, here))
    assert content(server, short.task_id) == before


def put(server: CvatServer, job_id: int, *tracks: dict[str, Any]) -> None:
    """Tracks into one job, wherever their keyframes are."""
    label = server.list_all("/api/labels", "reading labels", job_id=job_id)
    numbers = {each["name"]: each["id"] for each in label}
    sent = [
        {"label_id": numbers[track["label"]], **{key: value for key, value in track.items() if key != "label"}}
        for track in tracks
    ]
    body = {"version": 0, "shapes": [], "tags": [], "tracks": sent}
    server.write("PUT", f"/api/jobs/{job_id}/annotations/", "drawing", body)


def lasting(first: int, *outside: int, last: int) -> dict[str, Any]:
    track = moving(first, last)
    return {**track, "shapes": [{**shape, "outside": shape["frame"] in outside} for shape in track["shapes"]]}


@pytest.mark.parametrize("overlap", [0, 1])
@pytest.mark.parametrize(
    ("job", "track"),
    [
        (0, lasting(0, last=3)),
        (0, lasting(0, 3, last=3)),
        (0, lasting(0, last=1)),
        (1, lasting(2, last=3)),
    ],
    ids=["goes on", "ends later", "left open", "in the last job"],
)
def test_a_track_that_leaves_its_job_stays_as_cvat_gives_it(server, project, make_spec, pair, overlap, job, track):
    """With an overlap, the last one begins on a frame of both jobs."""
    made = push_task(
        server, project, make_spec(FRAMES, key=f"leaves {overlap}", segment_size=2 + overlap, overlap=overlap)
    )
    jobs = jobs_of_task(server, made.task_id)
    put(server, jobs[job].job_id, track)
    pulled = content(server, made.task_id)
    assert bare(write_content(server, made.task_id, pulled)) == bare(pulled)
    assert bare(write_content(server, made.task_id, content(server, made.task_id))) == bare(pulled)


def test_what_comes_back_otherwise_is_an_error(server, pair):
    """A shape drawn into a job by somebody else while the task was being written."""
    here, there = pair
    wanted = content(server, here)
    label = labels_of(server, there)[PLAIN]["id"]

    class Busy:
        """The server, and somebody who works on it."""

        def __getattr__(self, name: str) -> Any:
            return getattr(server, name)

        def write(self, method: str, path: str, doing: str, body: Any = None, **query: Any) -> Any:
            answer = server.write(method, path, doing, body, **query)
            if path.endswith("data/meta"):
                job = jobs_of_task(server, there)[0]
                change_shapes(server, job.job_id, "create", [rectangle(label, 0, (1, 1, 9, 9))])
            return answer

    with pytest.raises(CvatError, match="does not hold what was written into it"):
        write_content(Busy(), there, wanted)


def test_frames_in_another_order_keep_their_shapes_and_cannot_take_tracks(server, pair):
    here, there = pair
    shape = {"type": "points", "points": [1.0, 2.0], "label": PLAIN, "frame": 0, "attributes": [], "elements": []}
    draw(server, here, {**EMPTY, "shapes": [shape]})
    pulled = content(server, here)
    last = FRAMES - 1
    turned = replace(
        pulled,
        frames=tuple(
            replace(
                frame, frame=last - frame.frame,
                shapes=tuple({**each, "frame": last - each["frame"]} for each in frame.shapes),
            )
            for frame in pulled.frames[::-1]
        ),
    )  # fmt: skip
    assert [len(frame.shapes) for frame in write_content(server, there, turned).frames] == [1, 0, 0, 0]
    keyframe = {"type": "points", "points": [1.0, 2.0], "frame": 0, "attributes": []}
    track = {"label": PLAIN, "frame": 0, "attributes": [], "shapes": [keyframe], "elements": []}
    draw(server, here, {**EMPTY, "tracks": [track]})
    moved = content(server, here)
    shuffled = replace(moved, frames=tuple(replace(frame, frame=last - frame.frame) for frame in moved.frames))
    with pytest.raises(CvatError, match="another order"):
        write_content(server, there, shuffled)
