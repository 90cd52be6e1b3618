"""Projects as CVAT writes them."""

from labelloop.sandbox.server.rules import organizations
from labelloop.sandbox.server.serializers import user
from labelloop.sandbox.server.store import Row, Store


def project(row: Row, store: Store, base: str) -> Row:
    """A project; its `status` is always "annotation", as in CVAT."""
    organization = organizations.of(store, "projects", row["id"])
    tasks = store.rows("SELECT subset FROM tasks WHERE project_id = ?", [row["id"]])
    return {
        "url": f"{base}/api/projects/{row['id']}",
        "id": row["id"],
        "name": row["name"],
        "owner": user.basic(store, row["owner_id"], base),
        "assignee": user.basic(store, row["assignee_id"], base),
        "guide_id": None,
        "bug_tracker": row["bug_tracker"],
        "created_date": row["created_date"],
        "updated_date": row["updated_date"],
        "status": "annotation",
        "dimension": "2d" if tasks else None,
        "organization": organization,
        "organization_id": organization,
        "target_storage": None,
        "source_storage": None,
        "tasks": {"count": len(tasks), "url": f"{base}/api/tasks?project_id={row['id']}"},
        "labels": {"url": f"{base}/api/labels?project_id={row['id']}"},
        "assignee_updated_date": row["assignee_updated_date"],
        "task_subsets": sorted({task["subset"] for task in tasks} - {""}),
    }
