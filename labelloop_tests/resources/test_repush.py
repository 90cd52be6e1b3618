"""Labels that were changed here go back into their tasks, and never over what people did since."""

import contextlib
import uuid
from dataclasses import replace

import pytest

from labelloop.adapters.cvat import pull
from labelloop.adapters.cvat.client import CvatServer
from labelloop.adapters.cvat.jobs import (
    change_shapes,
    complete_job,
    delete_frames,
    jobs_of_task,
    put_job_annotations,
    rectangle,
)
from labelloop.adapters.cvat.refusals import CvatRefusedError
from labelloop.cli import repush as command
from labelloop.core.annotation import TaskContent
from labelloop.core.errors import CvatError, CvatUnreachableError, LabelError, MissingStateError
from labelloop.resources import repush
from labelloop.resources.backups import backups as kept
from labelloop.resources.project import Project
from labelloop.resources.taken import save_taken
from labelloop_tests.adapters.cvat.doubles import Cut, lossy_server
from labelloop_tests.sending import Place, place, project_to_send, send, through

__all__ = ["place"]

LABELS = {"cat": {"attributes": [{"name": "note", "input": "text"}]}}


class Sent:
    """A batch of two tasks that people are done with, and whose labels were taken."""

    def __init__(self, place: Place, folder, **annotation) -> None:
        self.place, self.server = place, place.server
        self.now: Project = project_to_send(
            folder, ["a.png", "b.png", "c.png"], project=f"repush {uuid.uuid4().hex[:8]}", labels=LABELS,
            **{"max_task_images": 2, **annotation},
        )  # fmt: skip
        record = send(self.now, self.server)
        self.tasks = [task["task_id"] for task in record["tasks"]]
        self.sample_of = {name: sample for task in record["tasks"] for name, sample in task["frames"].items()}
        self.project = record["project_id"]
        labels = self.place.listed("labels", project_id=self.project)
        self.label = {label["name"]: label for label in labels}
        for task in self.tasks:
            self.draw(task, [self.box(0, 1), self.box(0, 11)])
            for job in jobs_of_task(self.server, task):
                complete_job(self.server, job.job_id)
        self.take()

    def box(self, frame: int, at: float) -> dict:
        note = [{"spec_id": self.label["cat"]["attributes"][0]["id"], "value": f"at {at}"}]
        return {
            **rectangle(self.label["cat"]["id"], frame, (at, at, at + 5, at + 6)),
            "attributes": note,
            "rotation": 0,
        }

    def draw(self, task: int, shapes: list[dict]) -> None:
        put_job_annotations(self.server, jobs_of_task(self.server, task)[0].job_id, shapes)

    def delete_label(self, name: str) -> None:
        labels = [{"id": self.label[name]["id"], "deleted": True}]
        self.server.write("PATCH", f"/api/projects/{self.project}", "deleting as people do", {"labels": labels})

    def take(self) -> None:
        contents = through(self.server).take(self.now, "v0", lambda _: None)
        save_taken(self.now, "v0", contents)

    def edit(self) -> None:
        """On the first frame of the first task: a box moved, one removed, a tag added; the second task stays."""
        first, *rest = self.now.ledger.contents("v0")[0]
        frame, *others = first.frames
        moved = {**frame.shapes[0], "points": [2, 2, 30, 31]}
        tag = {"frame": 0, "label_id": self.label["dog"]["id"], "label": "dog", "group": None, "source": "manual",
               "attributes": [], "id": 10**9}  # fmt: skip
        frames = (replace(frame, shapes=(moved,), tags=(tag,)), *others)
        self.now.ledger.save_labels("v0", [replace(first, frames=frames), *rest], self.sample_of, ["dog"])

    def plan(self) -> list[repush.Rewriting]:
        return repush.plan(self.now, through(self.server), "v0")

    def carry_out(self, plans: list[repush.Rewriting]) -> list[str]:
        said: list[str] = []
        repush.carry_out(self.now, through(self.server), "v0", plans, said.append)
        return said

    def on_server(self) -> list[TaskContent]:
        return [pull.content(self.server, task) for task in self.tasks]


@pytest.fixture
def sent(place, tmp_path) -> Sent:
    return Sent(place, tmp_path)


def backups(sent: Sent) -> list:
    return sorted((sent.now.home.root / "backups").rglob("*.json"))


def begun(sent: Sent) -> list:
    return sorted((sent.now.home.root / "rewriting").rglob("*.json"))


@pytest.mark.parametrize(
    ("batch", "lock"),
    [
        ("v3", "annotated_batch-v3"), ("holdout", "annotated_holdout"), ("relabel-2", "annotated_relabel"),
        ("test", "final_report"),
    ],
)  # fmt: skip
def test_nobody_takes_the_labels_of_a_batch_while_they_are_written(batch, lock):
    assert command.lock_of(batch) == f"stages/{lock}"


def test_without_an_edit_there_is_nothing_to_write(sent):
    assert sent.plan() == []


def test_what_changed_is_shown_frame_by_frame_and_nothing_is_written_by_looking(sent):
    before = [content.revision for content in sent.on_server()]
    sent.edit()
    [plan] = sent.plan()
    [frame] = plan.frames
    assert frame.told == f"frame 0 {plan.ours.frames[0].name}: 1 added, 1 changed, 1 removed"
    assert [content.revision for content in sent.on_server()] == before
    assert backups(sent) == []


def test_the_task_is_backed_up_written_and_read_back(sent):
    before = sent.on_server()
    sent.edit()
    said = sent.carry_out(sent.plan())
    url = f"{sent.server.url}/tasks/{sent.tasks[0]}"
    assert said == [f"task {sent.tasks[0]} '{before[0].name}' holds the labels that are here, {url}"]
    frame = sent.on_server()[0].frames[0]
    assert [shape["points"] for shape in frame.shapes] == [[2.0, 2.0, 30.0, 31.0]]
    assert [value["value"] for value in frame.shapes[0]["attributes"]] == ["at 1"]
    assert [tag["label"] for tag in frame.tags] == ["dog"]
    assert sent.on_server()[1].revision == before[1].revision
    [backup] = backups(sent)
    assert backup.parent.name == "v0"
    assert [each.content for each in kept(sent.now, "v0")] == [before[0]]
    assert sent.plan() == []
    assert {job.state for task in sent.tasks for job in jobs_of_task(sent.server, task)} == {"completed"}


def test_a_task_that_people_changed_since_is_refused_whole(sent):
    sent.edit()
    sent.draw(sent.tasks[1], [sent.box(0, 3)])
    before = [content.revision for content in sent.on_server()]
    with pytest.raises(MissingStateError, match=rf"changed tasks of v0 .*#{sent.tasks[1]} .*Take them first"):
        sent.plan()
    assert [content.revision for content in sent.on_server()] == before


def test_a_task_that_people_change_while_somebody_reads_the_difference_is_not_written(sent):
    sent.edit()
    plans = sent.plan()
    sent.draw(sent.tasks[0], [sent.box(1, 3)])
    before = sent.on_server()
    with pytest.raises(MissingStateError, match="Take them first"):
        sent.carry_out(plans)
    assert [content.revision for content in sent.on_server()] == [content.revision for content in before]
    assert backups(sent) == []


def test_a_refusal_on_the_way_says_which_tasks_were_written_and_which_were_not(place, tmp_path, monkeypatch):
    sent = Sent(place, tmp_path, max_task_images=1)
    edit_everywhere(sent, tasks=3)
    first, second, third = sent.tasks
    plans = sent.plan()
    sent.draw(second, [sent.box(0, 3)])
    with pytest.raises(
        MissingStateError,
        match=rf"written: #{first}; not written: #{second}, #{third}\. Take them first",
    ):
        sent.carry_out(plans)
    assert sent.on_server()[0].frames[0].shapes[0]["points"] == [9.0, 9.0, 20.0, 21.0]


def test_a_task_whose_writing_broke_off_is_not_told_as_one_that_was_not_written(place, tmp_path):
    sent = Sent(place, tmp_path, max_task_images=1)
    edit_everywhere(sent, tasks=3)
    first, second, third = sent.tasks
    with pytest.raises(CvatUnreachableError, match=rf"written: #{first}; begun, .*: #{second}; not written: #{third}"):
        repush.carry_out(sent.now, through(breaking_after(sent, 1)), "v0", sent.plan(), print)


@pytest.mark.parametrize(
    ("meanwhile", "told"),
    [(False, r"^task {1} has no label 'dog'\. Add it"), (True, r"written: #{0}; not written: #{1}\. Add it")],
    ids=["before", "meanwhile"],
)
def test_a_task_that_cannot_hold_what_is_to_be_written_is_left_as_it_was(place, tmp_path, meanwhile, told):
    sent = Sent(place, tmp_path, max_task_images=1)
    edit_everywhere(sent, tasks=2)
    plans, dog = sent.plan(), sent.label["dog"]["id"]
    [tagged] = plans[1].ours.frames
    tag = {"frame": 0, "label_id": dog, "label": "dog", "attributes": []}
    plans[1] = replace(plans[1], ours=replace(plans[1].ours, frames=(replace(tagged, tags=(tag,)),)))
    before = [content.revision for content in sent.on_server()]
    if not meanwhile:
        sent.delete_label("dog")
    with pytest.raises(CvatError, match=told.format(*sent.tasks)):
        repush.carry_out(sent.now, through(sent.server), "v0", plans, lambda _: sent.delete_label("dog"))
    after = [content.revision for content in sent.on_server()]
    assert [one == other for one, other in zip(before, after, strict=True)] == [not meanwhile, True, True]
    assert (begun(sent), len(backups(sent))) == ([], int(meanwhile))


def test_deleted_frames_become_those_of_the_labels_here(sent):
    delete_frames(sent.server, sent.tasks[0], [1])
    sent.take()
    first, *rest = sent.now.ledger.contents("v0")[0]
    frames = tuple(replace(frame, deleted=False) for frame in first.frames)
    sent.now.ledger.save_labels("v0", [replace(first, frames=frames), *rest], sent.sample_of)
    plans = sent.plan()
    assert [frame.told.partition(": ")[2] for frame in plans[0].frames] == ["frame restored"]
    sent.carry_out(plans)
    assert [frame.deleted for frame in sent.on_server()[0].frames] == [False, False]


@pytest.mark.parametrize("method", ["PUT", "PATCH"])
def test_a_rewriting_that_broke_off_after_any_write_goes_on_the_next_time(sent, method):
    delete_frames(sent.server, sent.tasks[0], [1])
    sent.take()
    sent.edit()
    first, *rest = sent.now.ledger.contents("v0")[0]
    ours = replace(first, frames=tuple(replace(frame, deleted=False) for frame in first.frames))
    sent.now.ledger.save_labels("v0", [ours, *rest], sent.sample_of, ["dog"])
    lossy, pool = lossy_server(sent.place.access, lambda asked, *_: asked == method, Cut(for_good=True))
    with pytest.raises(CvatUnreachableError):
        repush.carry_out(sent.now, through(lossy), "v0", sent.plan(), print)
    assert pool.broken
    sent.carry_out(sent.plan())
    assert sent.plan() == []
    assert [frame.deleted for frame in sent.on_server()[0].frames] == [False, False]


OVERLAPPING = {"max_task_images": 3, "segment_size": 2, "overlap": 1}  # jobs of the frames 0, 1 and 1, 2


def points(sent: Sent) -> list[list[list[float]]]:
    """What is on each frame of the first task, as it is read through the task and through all its jobs."""
    task = [[shape["points"] for shape in frame.shapes] for frame in sent.on_server()[0].frames]
    for job in jobs_of_task(sent.server, sent.tasks[0]):
        kept = sent.server.get(f"/api/jobs/{job.job_id}/annotations/", "reading")
        for shape in kept["shapes"]:
            assert shape["points"] in task[shape["frame"]]
    return task


def edit_everywhere(sent: Sent, tasks: int = 1) -> None:
    """A box on each frame of the first tasks, in place of what was there."""
    contents = sent.now.ledger.contents("v0")[0]
    sent.now.ledger.save_labels("v0", [*map(one_box, contents[:tasks]), *contents[tasks:]], sent.sample_of)


def one_box(content: TaskContent) -> TaskContent:
    shape = content.frames[0].shapes[0]
    frames = tuple(
        replace(frame, shapes=({**shape, "id": 10**9 + frame.frame, "frame": frame.frame, "points": [9, 9, 20, 21]},))
        for frame in content.frames
    )
    return replace(content, frames=frames)


def test_a_frame_of_two_jobs_holds_each_shape_once(place, tmp_path):
    sent = Sent(place, tmp_path, **OVERLAPPING)
    edit_everywhere(sent)
    sent.carry_out(sent.plan())
    assert points(sent) == [[[9.0, 9.0, 20.0, 21.0]]] * 3
    jobs = jobs_of_task(sent.server, sent.tasks[0])
    kept = [sent.server.get(f"/api/jobs/{job.job_id}/annotations/", "reading")["shapes"] for job in jobs]
    assert sorted(shape["frame"] for shapes in kept for shape in shapes) == [0, 1, 2]
    assert sent.plan() == []


def breaking_after(sent: Sent, written: int) -> CvatServer:
    """A connection that breaks for good when so many jobs were written."""
    puts = []

    def cut(method, *_):
        puts.append(method) if method == "PUT" else None
        return method == "PUT" and len(puts) > written

    return lossy_server(sent.place.access, cut, Cut(for_good=True))[0]


def break_off(sent: Sent, plans: list[repush.Rewriting], written: int) -> None:
    """Write a task of two jobs, of which so many are written when the line breaks."""
    with pytest.raises(CvatUnreachableError) if written < 2 else contextlib.nullcontext():
        repush.carry_out(sent.now, through(breaking_after(sent, written)), "v0", plans, print)
    assert len(begun(sent)) == (written < 2)


@pytest.mark.parametrize("written", [0, 1, 2])
def test_a_rewriting_that_broke_off_between_jobs_is_ended_by_the_same_command(place, tmp_path, written):
    sent = Sent(place, tmp_path, **OVERLAPPING)
    before = points(sent)
    edit_everywhere(sent)
    break_off(sent, sent.plan(), written)
    sent.carry_out(sent.plan())
    assert points(sent) == [[[9.0, 9.0, 20.0, 21.0]]] * 3
    assert sent.plan() == [] == begun(sent)
    held = [each.content for each in kept(sent.now, "v0")]
    assert before in [[[shape["points"] for shape in frame.shapes] for frame in content.frames] for content in held]


def test_what_people_drew_into_a_half_written_task_is_not_written_over(place, tmp_path):
    sent = Sent(place, tmp_path, **OVERLAPPING)
    edit_everywhere(sent)
    lossy, _ = lossy_server(place.access, lambda method, *_: method == "PUT", Cut(for_good=True))
    with pytest.raises(CvatUnreachableError):
        repush.carry_out(sent.now, through(lossy), "v0", sent.plan(), print)
    sent.draw(sent.tasks[0], [sent.box(0, 31)])
    with pytest.raises(MissingStateError, match="nothing is written over them"):
        sent.plan()


@pytest.mark.parametrize(("job", "frame"), [(0, 0), (0, 1), (1, 1), (1, 2)])
def test_what_people_deleted_from_a_half_written_task_is_not_undone(place, tmp_path, job, frame):
    """The first job holds what is new, the other what there was; both have frame 1."""
    sent = Sent(place, tmp_path, **OVERLAPPING)
    task = sent.tasks[0]
    put_job_annotations(sent.server, jobs_of_task(sent.server, task)[1].job_id, [sent.box(1, 7), sent.box(2, 7)])
    sent.take()
    edit_everywhere(sent)
    puts = []

    def cut(method, *_):
        puts.append(method) if method == "PUT" else None
        return method == "PUT" and len(puts) == 2

    lossy, _ = lossy_server(place.access, cut, Cut(after_commit=False, for_good=True))
    with pytest.raises(CvatUnreachableError):
        repush.carry_out(sent.now, through(lossy), "v0", sent.plan(), print)
    assert sent.plan()
    there = jobs_of_task(sent.server, task)[job].job_id
    held = sent.server.get(f"/api/jobs/{there}/annotations/", "reading")["shapes"]
    change_shapes(sent.server, there, "delete", [shape for shape in held if shape["frame"] == frame])
    with pytest.raises(MissingStateError, match="nothing is written over them"):
        sent.plan()


def test_what_was_noted_of_a_half_written_task_goes_when_another_takes_its_place(place, tmp_path):
    sent = Sent(place, tmp_path, max_task_images=1)
    edit_everywhere(sent, tasks=2)
    with pytest.raises(CvatUnreachableError):
        repush.carry_out(sent.now, through(breaking_after(sent, 0)), "v0", sent.plan(), print)
    first, second, third = sent.tasks
    half = sent.now.ledger.read("rewriting", f"v0/task-{first}")
    sent.now.ledger.write("rewriting", f"v0/task-{second}", half)
    sent.now.ledger.write("rewriting", "v0/from-app", {})
    sent.server.write("DELETE", f"/api/tasks/{first}", "deleting as people do")
    record = through(sent.server).send(sent.now, "v0", sent.now.ledger.manifest("v0"), lambda _: None)
    assert [task["task_id"] for task in record["tasks"]][1:] == [second, third]
    assert [path.stem for path in begun(sent)] == ["from-app", f"task-{second}"]


def test_the_labels_of_a_task_are_asked_for_once_to_plan(sent):
    sent.edit()
    counting, pool = lossy_server(sent.place.access, lambda *_: False)
    repush.plan(sent.now, through(counting), "v0")
    assert sum("/api/labels" in url for _, url in pool.sent) == len(sent.tasks)


@pytest.mark.parametrize("written", [0, 1])
def test_a_label_that_is_deleted_just_before_the_writing_leaves_a_note_only_of_what_was_written(
    place, tmp_path, monkeypatch, written
):
    sent = Sent(place, tmp_path, **OVERLAPPING)
    edit_everywhere(sent)
    plans, write = sent.plan(), repush.write_prepared

    def overtaken(server, ready):
        jobs = list(ready.bodies)
        spoilt = {job: _of_label(body, 10**6) for job, body in ready.bodies.items() if job in jobs[written:]}
        return write(server, replace(ready, bodies={**ready.bodies, **spoilt}))

    monkeypatch.setattr(repush, "write_prepared", overtaken)
    with pytest.raises(CvatRefusedError, match="perhaps written in part" if written else "not written: #"):
        sent.carry_out(plans)
    assert len(begun(sent)) == written
    monkeypatch.undo()
    sent.carry_out(sent.plan())
    assert points(sent) == [[[9.0, 9.0, 20.0, 21.0]]] * 3
    assert begun(sent) == []


def _of_label(body, label):
    return {**body, "shapes": [{**shape, "label_id": label} for shape in body["shapes"]]}


def test_a_server_that_keeps_something_else_is_told_with_the_way_back(sent, monkeypatch):
    sent.edit()
    plans = sent.plan()
    monkeypatch.setattr(
        "labelloop.resources.repush.write_prepared", lambda server, ready: pull.content(server, ready.task_id)
    )
    with pytest.raises(CvatError, match=r"holds something else: frame 0 .*What it held before is in backups/v0"):
        sent.carry_out(plans)
    assert len(backups(sent)) == 1


@pytest.mark.parametrize(
    ("agreed", "last"),
    [(lambda question: "in 1 tasks of v0?" not in question, "nothing was changed"), (True, "what they held before is")],
    ids=["asked", "agreed"],
)
def test_the_command_shows_asks_and_writes_only_then(sent, monkeypatch, agreed, last):
    sent.edit()
    monkeypatch.setattr(command, "CvatResource", lambda: through(sent.server))
    said: list[str] = []
    command.repush(sent.now, "v0", said.append, agreed=agreed)
    assert any("1 added, 1 changed, 1 removed" in line for line in said)
    assert said[-1].startswith(last)
    assert bool(sent.plan()) is (agreed is not True)


def test_only_a_batch_that_was_sent_can_be_written(sent):
    for name in ("v9", "source", "../v0"):
        with pytest.raises(MissingStateError, match=rf"'{name}' was never sent to CVAT; sent were: v0"):
            command.repush(sent.now, name, print, agreed=True)


def test_labels_of_other_frames_are_refused(sent):
    [first, _] = sent.now.ledger.contents("v0")[0]
    other = replace(first, frames=first.frames[:1])
    with pytest.raises(LabelError, match="of other frames"):
        repush.diff(other, first)
