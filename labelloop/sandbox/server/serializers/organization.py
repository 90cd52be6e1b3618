"""Organizations, memberships and invitations in the keys that the SDK reads; none of them was recorded."""

from labelloop.sandbox.server.serializers import user
from labelloop.sandbox.server.store import Row, Store


def organization(row: Row, store: Store, base: str) -> Row:
    """An organization."""
    return {
        "id": row["id"],
        "slug": row["slug"],
        "name": row["name"],
        "description": row["description"],
        "created_date": row["created_date"],
        "updated_date": row["updated_date"],
        "contact": row["contact"],
        "owner": user.basic(store, row["owner_id"], base),
    }


def membership(row: Row, store: Store, base: str) -> Row:
    """Somebody's part in an organization."""
    return {
        "id": row["id"],
        "user": user.basic(store, row["user_id"], base),
        "organization": row["organization_id"],
        "is_active": True,
        "joined_date": row["joined_date"],
        "role": row["role"],
        "invitation": row["key"],
    }


def invitation(row: Row, store: Store, base: str) -> Row:
    """An invitation; who has an account is a member at once, as in a CVAT that sends no mail."""
    of = store.find("organizations", id=row["organization_id"])[0]
    return {
        "key": row["key"],
        "created_date": row["joined_date"],
        "owner": user.basic(store, row["owner_id"], base),
        "role": row["role"],
        "user": user.basic(store, row["user_id"], base),
        "organization": row["organization_id"],
        "expired": False,
        "organization_info": {"id": of["id"], "slug": of["slug"]},
    }
