"""Webhooks and their deliveries as CVAT writes them."""

from labelloop.sandbox.server.serializers import user
from labelloop.sandbox.server.store import Row, Store


def webhook(row: Row, store: Store, base: str) -> Row:
    """A webhook; its secret is never shown."""
    return {
        "id": row["id"],
        "url": f"{base}/api/webhooks/{row['id']}",
        "target_url": row["target_url"],
        "description": row["description"],
        "type": "project",
        "content_type": row["content_type"],
        "is_active": bool(row["is_active"]),
        "enable_ssl": bool(row["enable_ssl"]),
        "created_date": row["created_date"],
        "updated_date": row["updated_date"],
        "owner": user.basic(store, row["owner_id"], base),
        "project_id": row["project_id"],
        "organization": None,
        "events": sorted(row["events"]),
    }


def delivery(row: Row) -> Row:
    """One message that was sent, and what came back."""
    return {
        "id": row["id"],
        "webhook_id": row["webhook_id"],
        "event": row["event"],
        "status_code": row["status_code"],
        "redelivery": False,
        "created_date": row["created_date"],
        "updated_date": row["updated_date"],
        "changed_fields": row["changed_fields"],
        "request": row["payload"],
        "response": row["response"],
    }
