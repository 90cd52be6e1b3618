"""Jobs as CVAT writes them."""

from labelloop.sandbox.server.rules import organizations, status
from labelloop.sandbox.server.serializers import user
from labelloop.sandbox.server.store import Row, Store


def job(row: Row, store: Store, base: str) -> Row:
    """A job: a range of frames of its task with a stage and a state."""
    task = store.rows("SELECT * FROM tasks WHERE id = ?", [row["task_id"]])[0]
    data = store.rows("SELECT * FROM data WHERE id = ?", [task["data_id"]])[0]
    frames = row["stop_frame"] - row["start_frame"] + 1
    chosen = store.first("ground_truth", id=row["id"])
    return {
        "url": f"{base}/api/jobs/{row['id']}",
        "id": row["id"],
        "task_id": row["task_id"],
        "project_id": task["project_id"],
        "assignee": user.basic(store, row["assignee_id"], base),
        "guide_id": None,
        "dimension": "2d",
        "bug_tracker": _bug_tracker(task, store),
        "status": status.of_job(row),
        "stage": row["stage"],
        "state": row["state"],
        "mode": task["mode"],
        "frame_count": len(chosen["frames"]) if chosen else frames,
        "start_frame": row["start_frame"],
        "stop_frame": row["stop_frame"],
        "data_chunk_size": data["chunk_size"],
        **_rest(row, base, organizations.of_task(store, task)),
    }


def _rest(row: Row, base: str, organization: int | None) -> Row:
    return {
        "data_compressed_chunk_type": "imageset",
        "data_original_chunk_type": "imageset",
        "created_date": row["created_date"],
        "updated_date": row["updated_date"],
        "issues": {"url": f"{base}/api/issues?job_id={row['id']}", "count": 0},
        "labels": {"url": f"{base}/api/labels?job_id={row['id']}"},
        "type": row["type"],
        "organization": organization,
        "target_storage": None,
        "source_storage": None,
        "assignee_updated_date": row["assignee_updated_date"],
        "parent_job_id": None,
        "consensus_replicas": 0,
    }


def _bug_tracker(task: Row, store: Store) -> str | None:
    """The task's own, else the project's, else none."""
    if task["bug_tracker"] or task["project_id"] is None:
        return task["bug_tracker"] or None
    return str(store.rows("SELECT bug_tracker FROM projects WHERE id = ?", [task["project_id"]])[0]["bug_tracker"])
