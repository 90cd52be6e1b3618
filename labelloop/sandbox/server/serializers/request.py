"""Background requests as CVAT writes them."""

from urllib.parse import quote

from labelloop.sandbox.server.store import Row, Store

TARGETS = {"task": "tasks", "project": "projects", "job": "jobs"}


def request(row: Row, store: Store, base: str) -> Row:
    """A request; `result_url` appears when there is a file to fetch."""
    owner = store.rows("SELECT id, username FROM users WHERE id = ?", [row["owner_id"]])[0]
    return {
        "status": row["status"],
        "message": row["message"],
        "id": row["id"],
        "operation": row["operation"],
        "progress": 0.0,
        "created_date": row["created_date"],
        "started_date": row["started_date"],
        "finished_date": row["finished_date"],
        "expiry_date": row["expiry_date"],
        "owner": owner,
        "result_url": _result_url(row, base) if row["blob"] else None,
        "result_id": row["payload"].get("result_id"),
    }


def _result_url(row: Row, base: str) -> str:
    operation = row["operation"]
    target = operation["target"]
    kind = "backup" if operation["type"] == "export:backup" else "dataset"
    return f"{base}/api/{TARGETS[target]}/{operation[f'{target}_id']}/{kind}/download?rq_id={quote(row['id'], safe='')}"
