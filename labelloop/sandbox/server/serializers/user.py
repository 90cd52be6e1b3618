"""Users as CVAT writes them."""

from labelloop.sandbox.server.store import Row, Store


def full(row: Row, base: str) -> Row:
    """A user who asks about themselves."""
    superuser = bool(row["is_superuser"])
    return {
        **_basic(row, base),
        "email": row["email"],
        "groups": ["admin" if superuser else "user"],
        "is_staff": superuser,
        "is_superuser": superuser,
        "is_active": True,
        "last_login": row["last_login"],
        "date_joined": row["date_joined"],
        "has_analytics_access": superuser,
    }


def basic(store: Store, user_id: int | None, base: str) -> Row | None:
    """An owner or assignee inside another noun."""
    row = store.first("users", id=user_id) if user_id is not None else None
    return _basic(row, base) if row else None


def token(row: Row, store: Store, base: str, value: str | None = None) -> Row:
    """A personal access token; its value only in the answer to its creation."""
    shown = {
        "id": row["id"],
        "name": row["name"],
        "created_date": row["created_date"],
        "updated_date": row["updated_date"],
        "expiry_date": row["expiry_date"],
        "last_used_date": row["last_used_date"],
        "read_only": bool(row["read_only"]),
        "owner": basic(store, row["user_id"], base),
    }
    return shown if value is None else {**shown, "value": value}


def _basic(row: Row, base: str) -> Row:
    return {
        "url": f"{base}/api/users/{row['id']}",
        "id": row["id"],
        "username": row["username"],
        "first_name": row["first_name"],
        "last_name": row["last_name"],
    }
