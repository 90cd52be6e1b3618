"""The round trip of a batch without CVAT: people draw in the FiftyOne App, and it is read from there.

A batch in the App is one task whose jobs are its images. Its record has the form of one that went to CVAT.
"""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager

import pandas as pd

from labelloop.adapters import mongod
from labelloop.adapters.app_server import app_url
from labelloop.adapters.fiftyone import annotation
from labelloop.adapters.fiftyone.dataset import LoopDataset
from labelloop.adapters.fiftyone.drawing import REBUILD, Asked, Drawings, Looked, reading
from labelloop.adapters.files import locks
from labelloop.adapters.files.ledger import HOLDOUT
from labelloop.core.annotation import AnnotatedFrame, TaskContent, TaskProgress
from labelloop.core.errors import DatabaseBusyError, LabelError, MissingStateError
from labelloop.core.vocabulary import Backend, Source, batch_view
from labelloop.resources.dataset import DatasetResource
from labelloop.resources.project import Project

TASK_ID = 0  # the App has no tasks

Log = Callable[[str], None]


def is_in_app(project: Project, batch: str) -> bool:
    """Whether people draw a batch in the App; one that was sent stays where it was sent."""
    sent = project.ledger.read_or_none("tasks", batch)
    return project.settings.in_app if sent is None else sent.get("backend") == Backend.FIFTYONE


def batches(project: Project) -> list[str]:
    """The batches that people draw in the App."""
    return [name for name, sent in project.ledger.sent().items() if sent.get("backend") == Backend.FIFTYONE]


def send(project: Project, batch: str, manifest: pd.DataFrame, log: Log) -> dict:
    """Ask for labels in the App: tags, status, saved view, label schema. Asking twice has the effect of once.

    Raises:
        LabelError: If golden images are hidden in the batch: the App shows their first labels.
    """
    _refuse_hidden(batch, manifest)
    sent = project.ledger.read_or_none("tasks", batch)
    sample_ids = list(manifest["sample_id"])
    with DatasetResource().writing(project, log) as loop:
        offer(project, loop)
        if sent is None:
            annotation.ask_for(loop, batch, sample_ids)
    if sent is None:
        sent = _record(project, batch, sample_ids)
        project.ledger.write("tasks", batch, sent)
    log(f"{len(sample_ids)} images wait in the saved view {batch_view(batch)} of the App")
    return sent


def offer(project: Project, loop: LoopDataset) -> None:
    """Have the App offer today's classes."""
    annotation.offer_schema(loop, project.ledger.schema().classes, project.settings.image_classes)


def progress(project: Project, batch: str) -> list[TaskProgress]:
    """How far people are with a batch.

    Raises:
        LabelError: If its images are not in the data set any more.
        DatabaseBusyError: If the data set cannot be read at the moment.
    """
    asked = _asked(project, batch)
    if not asked.sample_ids:
        return []
    with _open(project, [batch]) as drawings:
        return [_progress(project, batch, drawings.look(asked))]


def take(project: Project, batch: str, log: Log) -> list[TaskContent]:
    """What people drew on a batch that they finished.

    Raises:
        MissingStateError: If they are not done; says how far they are.
    """
    for task in progress(project, batch):
        if not task.completed:
            raise MissingStateError(
                f"{batch} is not annotated yet: {task.told}, saved view {batch_view(batch)} of the App, {task.url}",
                "Set annotation_status to annotated in the Annotate tab, or take the tag to_annotate off the images "
                "that are done (in the sandbox: `labelloop sandbox annotate`).",
            )
    found = content(project, batch)
    # Before the labels count as taken, for then a tag that is still there takes an image up again.
    with DatasetResource().writing(project, log) as loop:
        annotation.settle(loop, _asked(project, batch).sample_ids)
    log(f"{batch}: read from the App")
    return found


def content(project: Project, batch: str, *, some: bool = False) -> list[TaskContent]:
    """What is drawn on a batch at this moment, finished or not; nothing for an empty batch.

    Args:
        project: The project.
        batch: Iteration, or `holdout`.
        some: Whether the images that are still in the data set are enough.
    """
    asked = _asked(project, batch)
    if not asked.sample_ids:
        return []
    samples = project.ledger.samples().set_index("sample_id").loc[list(asked.sample_ids)]
    sizes = {str(row.Index): (int(row.width), int(row.height)) for row in samples.itertuples()}
    with _open(project, [batch]) as drawings:
        frames = drawings.frames(asked, sizes, some=some)
    (task,) = project.ledger.read("tasks", batch)["tasks"]
    return [TaskContent(TASK_ID, task["name"], task["subset"], task["url"], frames)]


def waiting(project: Project, batch: str) -> list[str]:
    """Images of a batch that people have not done."""
    with _open(project, [batch]) as drawings:
        return drawings.waiting(_asked(project, batch))


def keep(project: Project, names: Sequence[str]) -> None:
    """Write what is drawn now into plain files, because the data set is about to be dropped.

    A file that is there already is of a rebuild that was broken off: what it says is what was drawn, and the data set
    may be half made.
    """
    for batch in names:
        if project.ledger.read_or_none("drawings", batch) is None:
            found = [each.to_dict() for each in content(project, batch, some=True)]
            project.ledger.write("drawings", batch, {"contents": found, "waiting": waiting(project, batch)})


def is_there(project: Project) -> bool:
    """Whether there is a data set to read from."""
    with reading(project.home, mongod.ensure(project.home), project.settings.name) as drawings:
        return drawings is not None


def restore(project: Project, loop: LoopDataset, batch: str) -> None:
    """Ask for a batch again in a data set that was made anew, with all that was drawn on it before.

    What was drawn last counts, taken or not; what no data set had any more is as it was taken.
    """
    asked = _asked(project, batch)
    annotation.ask_for(loop, batch, asked.sample_ids)
    taken = project.ledger.contents(batch)[0] if asked.taken else []
    kept = project.ledger.read_or_none("drawings", batch) or {"contents": [], "waiting": []}
    frames = _by_name(taken) | _by_name([TaskContent.from_dict(each) for each in kept["contents"]])
    annotation.draw(loop, list(frames.values()))
    annotation.settle(loop, sorted(frames.keys() - set(kept["waiting"])))
    if asked.taken:
        annotation.show_taken(loop, batch, project.ledger.label_version(batch).reviewed)


def _by_name(contents: Sequence[TaskContent]) -> dict[str, AnnotatedFrame]:
    return {frame.name: frame for content in contents for frame in content.frames}


def _record(project: Project, batch: str, sample_ids: Sequence[str]) -> dict:
    name = project.settings.name
    url, view = app_url(project.home, name), app_url(project.home, name, view=batch_view(batch))
    task: dict = {"task_id": TASK_ID, "name": f"{name} {batch}", "url": view, "key": "", "subset": ""}
    task |= {"frames": {each: each for each in sample_ids}, "schema_version": project.ledger.schema().version}
    sent = {"backend": Backend.FIFTYONE.value, "project_id": None, "project_url": url}
    return sent | {"tasks": [task] if sample_ids else []}


def _asked(project: Project, batch: str) -> Asked:
    tasks = project.ledger.read("tasks", batch)["tasks"]
    ids = tuple(sample_id for task in tasks for sample_id in task["frames"].values())
    return Asked(batch, ids, project.ledger.has_labels(batch))


def _progress(project: Project, batch: str, looked: Looked) -> TaskProgress:
    (task,) = project.ledger.read("tasks", batch)["tasks"]
    total = len(task["frames"])
    return TaskProgress(
        task_id=TASK_ID,
        name=task["name"],
        url=task["url"],
        found=True,
        jobs_total=total,
        jobs_completed=total - looked.waiting,
        completed=looked.waiting == 0,
        updated=looked.updated,
        unit="images",
    )


@contextmanager
def _open(project: Project, names: Sequence[str]) -> Iterator[Drawings]:
    """The drawings, unless somebody is making the data set anew."""
    try:
        with reading(project.home, mongod.ensure(project.home), project.settings.name) as drawings:
            if drawings is None:
                raise LabelError(f"FiftyOne has no data set '{project.settings.name}' with {', '.join(names)}", REBUILD)
            yield drawings
    except LabelError as error:
        if locks.is_held(project.home.lock("dataset")):
            raise DatabaseBusyError("FiftyOne's data set is being written", "It is read when that is done.") from error
        raise


def _refuse_hidden(batch: str, manifest: pd.DataFrame) -> None:
    hidden = int((manifest["source"] == Source.GOLDEN).sum()) if batch != HOLDOUT else 0
    if hidden:
        raise LabelError(
            f"{hidden} golden images are hidden in {batch}, which was chosen for CVAT, and the App would show their "
            "first labels",
            f"Send it with annotation.backend: cvat, or choose it again: `labelloop reset --from {batch}`.",
        )
