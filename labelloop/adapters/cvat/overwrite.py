"""Everything that is drawn in a task replaced at once; whoever asks has a copy of what was there."""

from labelloop.adapters.cvat.client import CvatServer
from labelloop.adapters.cvat.jobs import delete_frames
from labelloop.core.annotation import TaskContent
from labelloop.core.errors import CvatError
from labelloop.core.task_diff import bare, objects


def overwrite(server: CvatServer, content: TaskContent) -> None:
    """Make a task hold exactly this content, in one request; deleted frames in a second.

    Raises:
        CvatError: If the server refuses, or keeps another number of objects than were sent.
    """
    drawn = [objects(frame) for frame in content.frames]
    body = {kind: [bare(item) for each in drawn for item in each[kind]] for kind in ("shapes", "tags", "tracks")}
    doing = f"writing the annotations of task {content.task_id}"
    kept = server.write("PUT", f"/api/tasks/{content.task_id}/annotations/", doing, {"version": 0, **body}) or {}
    for kind, items in body.items():
        if len(kept.get(kind, [])) != len(items):
            raise CvatError(f"CVAT kept {len(kept.get(kind, []))} of {len(items)} {kind} of task {content.task_id}")
    meta = server.get(f"/api/tasks/{content.task_id}/data/meta", f"reading the frames of task {content.task_id}")
    deleted = [frame.frame for frame in content.frames if frame.deleted]
    if sorted(meta.get("deleted_frames") or []) != deleted:
        delete_frames(server, content.task_id, deleted)
