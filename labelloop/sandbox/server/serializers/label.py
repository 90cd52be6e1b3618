"""Labels as CVAT writes them."""

from labelloop.sandbox.server.store import Row, Store


def label(row: Row, store: Store) -> Row:
    """A label with its attributes and, for a skeleton, its sublabels."""
    shown = {
        **_common(row, store),
        "sublabels": [_common(child, store) for child in store.find("labels", parent_id=row["id"])],
    }
    if row["svg"]:
        shown["svg"] = row["svg"]
    owner = "task_id" if row["project_id"] is None else "project_id"
    return {**shown, owner: row[owner], "parent_id": row["parent_id"], "has_parent": row["parent_id"] is not None}


def _common(row: Row, store: Store) -> Row:
    return {
        "id": row["id"],
        "name": row["name"],
        "color": row["color"],
        "attributes": [_attribute(spec) for spec in store.find("attributes", label_id=row["id"])],
        "type": row["type"],
    }


def _attribute(row: Row) -> Row:
    return {
        "id": row["id"],
        "name": row["name"],
        "mutable": bool(row["mutable"]),
        "input_type": row["input_type"],
        "default_value": row["default_value"],
        "values": row["choices"],
    }
