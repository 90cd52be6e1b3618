"""What an annotation may be, and where it is kept.

An annotation is stored as given, completed with CVAT's defaults. It belongs to the job whose frames it lies on when it
comes through a task, and to the job it was sent to otherwise. What lies beyond the last frame is dropped in silence.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from labelloop.sandbox.server import clock
from labelloop.sandbox.server.rules import labels, status
from labelloop.sandbox.server.serializers.annotation import KINDS, Specs
from labelloop.sandbox.server.store import Row, Store

Items = dict[str, list[Row]]  # tags, shapes and tracks, checked and completed


@dataclass(frozen=True)
class Annotations:
    """The annotations of a task, or of one of its jobs."""

    store: Store
    task: Row
    jobs: list[Row]  # those that are looked at: all of the task, or the one
    size: int
    touched: set[int] = field(default_factory=set)

    def specs(self) -> Specs:
        """The attribute specifications of every label that may be used."""
        found = labels.of_task(self.store, self.task)
        return {label["id"]: self.store.find("attributes", label_id=label["id"]) for label in found}

    def rows(self) -> Mapping[str, list[Row]]:
        """All that is stored, in the order of jobs, frames and ids; a track ends where the next job begins."""
        ordered = sorted(self.jobs, key=lambda job: (job["start_frame"], job["id"]))
        found = {
            kind: [self.store.find(kind, order="frame, id", job_id=job["id"]) for job in ordered] for kind in KINDS
        }
        for tracks, following in zip(found["tracks"], ordered[1:], strict=False):
            end = following["start_frame"] + (self.task["overlap"] or 0)
            tracks[:] = [{**row, "body": _ended(row["body"], end)} for row in tracks]
        return {kind: [row for rows in lists for row in rows] for kind, lists in found.items()}

    def create(self, items: Items) -> Items:
        """Add annotations; returns those that were kept, with their new ids."""
        return {kind: [self._add(kind, body) for body in items[kind] if self._kept(body)] for kind in KINDS}

    def update(self, items: Items) -> Items:
        """Replace annotations by id; the id stays."""
        return {kind: [self._replace(kind, body) for body in items[kind] if self._kept(body)] for kind in KINDS}

    def delete(self, items: Items) -> Items:
        """Delete annotations by id."""
        for kind in KINDS:
            for body in items[kind]:
                row = self._stored(kind, body.get("id"))
                if row is not None:
                    self.store.delete(kind, id=row["id"])
                    self.touched.add(row["job_id"])
        return items

    def clear(self) -> None:
        """Delete all."""
        for job in self.jobs:
            for kind in KINDS:
                self.store.delete(kind, job_id=job["id"])
            self.touched.add(job["id"])

    def finish(self) -> None:
        """Move the dates of the task and of the jobs that were changed."""
        for job_id in self.touched:
            self.store.update("jobs", job_id, updated_date=clock.now())
        if self.touched:
            status.touch_task(self.store, self.task)

    def _kept(self, body: Row) -> bool:
        return bool(self.jobs) and 0 <= body["frame"] < self.size

    def _job_id(self, frame: int) -> int:
        """The job an annotation on a frame is kept with."""
        holding = [job for job in self.jobs if job["start_frame"] <= frame <= job["stop_frame"]]
        return int((holding or self.jobs)[0]["id"])

    def _add(self, kind: str, body: Row, row_id: int | None = None) -> Row:
        job_id = self._job_id(body["frame"])
        bare = {key: value for key, value in body.items() if key != "id"}
        numbered = _numbered(bare, lambda: self.store.next_number("track_shapes"))
        values = {"job_id": job_id, "label_id": body["label_id"], "frame": body["frame"], "body": numbered}
        new_id = self.store.insert(kind, **values, **({} if row_id is None else {"id": row_id}))
        self.touched.add(job_id)
        return {**numbered, "id": new_id}

    def _replace(self, kind: str, body: Row) -> Row:
        row = self._stored(kind, body.get("id"))
        if row is None:
            return self._add(kind, body)
        self.store.delete(kind, id=row["id"])
        self.touched.add(row["job_id"])
        return self._add(kind, body, row["id"])

    def _stored(self, kind: str, row_id: int | None) -> Row | None:
        """The row with an id, if it belongs to the jobs that are looked at."""
        row = self.store.first(kind, id=row_id) if row_id is not None else None
        return row if row and row["job_id"] in {job["id"] for job in self.jobs} else None


def _ended(track: Row, frame: int) -> Row:
    """A track that is outside from a frame on, unless it is already."""
    last = track["shapes"][-1] if track["shapes"] else {"outside": True}
    if last["outside"]:
        return track
    parts = {"elements": [_ended(part, frame) for part in track["elements"]]} if "elements" in track else {}
    return {**track, "shapes": [*track["shapes"], {**last, "frame": frame, "outside": True}], **parts}


def _numbered(item: Row, number: Callable[[], int]) -> Row:
    """An annotation whose keyframes and parts all have ids."""
    shapes = [{**shape, "id": shape.get("id") or number()} for shape in item.get("shapes", ())]
    parts = [{**_numbered(part, number), "id": part.get("id") or number()} for part in item.get("elements", ())]
    return {
        **item,
        **({"shapes": shapes} if "shapes" in item else {}),
        **({"elements": parts} if "elements" in item else {}),
    }
