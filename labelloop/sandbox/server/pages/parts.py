"""Pieces of pages: tables of tasks and jobs, the legend of labels, the gallery of frames."""

from collections.abc import Sequence

from labelloop.sandbox.server.pages.markup import Safe, join, table, tag
from labelloop.sandbox.server.pages.overlay import drawing, swatch
from labelloop.sandbox.server.rules import labels, status
from labelloop.sandbox.server.rules.annotations import Annotations
from labelloop.sandbox.server.store import Row
from labelloop.sandbox.server.world import World

HEADINGS = ("Task", "Subset", "Status", "Jobs completed", "Frames", "Updated")


def task_table(world: World, project_id: int | None) -> Safe:
    """The tasks of a project, or those without one."""
    rows = [_task_cells(world, row) for row in reversed(world.store.find("tasks", project_id=project_id))]
    return table(HEADINGS, rows) if rows else tag("p", "No tasks yet.", class_="empty")


def _task_cells(world: World, row: Row) -> list[str | int]:
    counts = status.summary(world.store.find("jobs", task_id=row["id"]))
    data = world.store.first("data", id=row["data_id"]) if row["data_id"] is not None else None
    bar = tag("progress", value=counts["completed"], max=max(1, counts["count"]))
    return [
        tag("a", row["name"], href=f"/tasks/{row['id']}"),
        row["subset"] or "–",
        tag("span", row["status"], class_=f"chip {row['status']}"),
        join([bar, f"{counts['completed']} of {counts['count']}"]),
        data["size"] if data else 0,
        row["updated_date"][:19].replace("T", " "),
    ]


def way_back(project: Row | None) -> Safe:
    """A link to the loop that works on a project: what labelloop gives it as its issue tracker."""
    address = project["bug_tracker"] if project is not None else ""
    return tag("a", "the loop in Dagster", href=address) if address.startswith(("http://", "https://")) else Safe("")


def state_line(row: Row, data: Row | None, project: Row | None) -> Safe:
    """What there is to know of a task, in one line."""
    frames = data["size"] if data else 0
    deleted = len(data["deleted_frames"]) if data else 0
    facts = [row["subset"] or "no subset", row["status"], f"{frames} frames", f"{deleted} deleted"]
    link = tag("a", "project", href=f"/projects/{row['project_id']}") if row["project_id"] is not None else "no project"
    back = way_back(project)
    return join([" · ".join(facts), " · ", link, *([" · ", back] if back else [])])


def legend(found: Sequence[Row]) -> Safe:
    """The labels and their colours."""
    return tag("ul", *(tag("li", swatch(row["color"]), row["name"]) for row in found), class_="legend")


def job_table(row: Row, jobs: Sequence[Row]) -> Safe:
    """The jobs of a task."""
    cells = [
        [
            tag("a", f"Job {job['id']}", href=f"/tasks/{row['id']}/jobs/{job['id']}"),
            f"{job['start_frame']}–{job['stop_frame']}",
            job["stage"],
            tag("span", job["state"], class_=f"chip {status.of_job(job)}"),
        ]
        for job in jobs
    ]
    return join([tag("h2", "Jobs"), table(("Job", "Frames", "Stage", "State"), cells)])


def gallery(world: World, row: Row, data: Row, jobs: Sequence[Row]) -> Safe:
    """The pictures of jobs, which the browser loads as they are scrolled to."""
    stored = Annotations(world.store, row, list(jobs), data["size"]).rows()["shapes"]
    known = {label["id"]: label for label in labels.of_task(world.store, row)}
    numbers = {number for job in jobs for number in range(job["start_frame"], job["stop_frame"] + 1)}
    figures = []
    for frame in world.store.find("frames", order="number", data_id=data["id"]):
        if frame["number"] in numbers:
            shapes = [shape["body"] for shape in stored if shape["frame"] == frame["number"]]
            figures.append(
                _figure(row, frame, drawing(frame, shapes, known), frame["number"] in data["deleted_frames"])
            )
    return join([tag("h2", "Frames"), tag("div", *figures, class_="frames")])


def _figure(row: Row, frame: Row, overlay: Safe, deleted: bool) -> Safe:
    source = f"/tasks/{row['id']}/frames/{frame['number']}"
    image = Safe(
        f'<img loading="lazy" src="{source}" width="{frame["width"]}" height="{frame["height"]}" '
        f'alt="frame {frame["number"]}">'
    )
    note = (
        tag("span", "deleted", class_="chip deleted") if deleted else tag("span", f"#{frame['number']}", class_="muted")
    )
    caption = tag("figcaption", tag("span", frame["name"]), note)
    return tag("figure", tag("div", image, overlay, class_="picture"), caption, class_="deleted" if deleted else "")
