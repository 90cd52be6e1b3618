"""Tasks and their data as CVAT writes them."""

from collections.abc import Sequence

from labelloop.sandbox.server.rules import organizations, status
from labelloop.sandbox.server.serializers import user
from labelloop.sandbox.server.store import Row, Store


def task(row: Row, store: Store, base: str) -> Row:
    """A task. Before an upload begins it has no `size` and no other key of its data."""
    data = store.first("data", id=row["data_id"]) if row["data_id"] is not None else None
    head = {
        "url": f"{base}/api/tasks/{row['id']}",
        "id": row["id"],
        "name": row["name"],
        "project_id": row["project_id"],
        "mode": row["mode"],
        "owner": user.basic(store, row["owner_id"], base),
        "assignee": user.basic(store, row["assignee_id"], base),
        "bug_tracker": row["bug_tracker"],
        "created_date": row["created_date"],
        "updated_date": row["updated_date"],
        "overlap": row["overlap"],
        "segment_size": row["segment_size"],
        "status": row["status"],
    }
    return {**head, **_data(data), **_tail(row, store, base)}


def _data(data: Row | None) -> Row:
    if data is None:
        return {"guide_id": None}
    return {
        "data_chunk_size": data["chunk_size"],
        "data_original_chunk_type": "imageset",
        "data_compressed_chunk_type": "imageset",
        "data_cloud_storage_id": None,
        "guide_id": None,
        "size": data["size"],
        "image_quality": data["image_quality"],
        "data": data["id"],
    }


def _tail(row: Row, store: Store, base: str) -> Row:
    organization = organizations.of_task(store, row)
    counts = status.summary(store.find("jobs", task_id=row["id"]))
    return {
        "dimension": "2d",
        "subset": row["subset"],
        "organization_id": organization,
        "organization": organization,
        "target_storage": None,
        "source_storage": None,
        "jobs": {**counts, "url": f"{base}/api/jobs?task_id={row['id']}"},
        "labels": {"url": f"{base}/api/labels?task_id={row['id']}"},
        "assignee_updated_date": row["assignee_updated_date"],
        "validation_mode": "gt" if store.count("ground_truth", task_id=row["id"]) else None,
        "consensus_enabled": False,
    }


def meta(
    data: Row, frames: Sequence[Row], start: int, stop: int, chunks_updated: str | None, included: Row | None = None
) -> Row:
    """The frames `start` to `stop` of a task's data; the range is given in numbers of the source.

    A ground truth job has only some of them, which are `included`.
    """
    step, first = data["frame_step"], data["start_frame"]
    return {
        "chapters": None,
        "chunks_updated_date": chunks_updated,
        "chunk_size": data["chunk_size"],
        "size": len(frames),
        "image_quality": data["image_quality"],
        "start_frame": first + start * step,
        "stop_frame": first + stop * step,
        "frame_filter": data["frame_filter"],
        "frames": [_frame(frame) for frame in frames],
        "deleted_frames": [number for number in data["deleted_frames"] if start <= number <= stop],
        "included_frames": included["frames"] if included else None,
        "storage": "local",
        "cloud_storage_id": None,
    }


def _frame(row: Row) -> Row:
    return {
        "width": row["width"],
        "height": row["height"],
        "name": row["name"],
        "related_files": 0,
        "has_related_context": False,
    }
