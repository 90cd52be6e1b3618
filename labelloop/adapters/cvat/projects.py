"""Projects of a CVAT server, found by name or created, with the classes of the schema as labels."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from labelloop.adapters.cvat.client import CvatServer
from labelloop.core.errors import CvatError, CvatUnreachableError

MOST_NAMES = 20


@dataclass(frozen=True)
class ProjectRef:
    """A project on the server; `label_ids` maps each of its label names to CVAT's id, in CVAT's order."""

    id: int
    name: str
    url: str
    label_ids: Mapping[str, int]


def find_or_create_project(server: CvatServer, name: str, classes: Sequence[str], tracker: str = "") -> ProjectRef:
    """The project of this exact name, with a label for each class; made when there is none.

    Labels that are missing are added; none is ever removed or renamed, for CVAT deletes the annotations with a label.

    Args:
        server: The connection.
        name: Name of the project, at most 256 characters.
        classes: Names of the labels, in the order of their class ids.
        tracker: Address that a new project links to as its issue tracker.

    Raises:
        CvatError: If several projects bear the name, or the server refuses.
    """
    found = _by_name(server, name)
    if found is None:
        found = _create(server, name, classes, tracker)
    project = _reference(server, found)
    missing = [label for label in classes if label not in project.label_ids]
    if missing:
        body = {"labels": [{"name": label, "attributes": []} for label in missing]}
        server.write("PATCH", f"/api/projects/{project.id}", f"adding labels to project '{name}'", body)
        project = _reference(server, found)
    return project


def find_project(server: CvatServer, name: str) -> ProjectRef:
    """The project of this exact name.

    Raises:
        CvatError: If there is none (the message lists those there are) or several.
    """
    found = _by_name(server, name)
    if found is not None:
        return _reference(server, found)
    names = sorted({str(project["name"]) for project in server.list_all("/api/projects", "listing the projects")})
    shown = ", ".join(f"'{other}'" for other in names[:MOST_NAMES]) or "none"
    more = f" and {len(names) - MOST_NAMES} more" if len(names) > MOST_NAMES else ""
    raise CvatError(
        f"CVAT at {server.url} has no project '{name}'; there are: {shown}{more}",
        "Correct the name, or check annotation.organization.",
    )


def look_for_project(server: CvatServer, name: str) -> ProjectRef | None:
    """The project of this exact name, or None when there is none.

    Raises:
        CvatError: If there are several.
    """
    found = _by_name(server, name)
    return None if found is None else _reference(server, found)


def project_by_id(server: CvatServer, number: int) -> ProjectRef:
    """The project with this id.

    Raises:
        CvatError: If there is none.
    """
    listed = server.list_all("/api/projects", f"looking for project {number}")
    found = [project for project in listed if project["id"] == number]
    if not found:
        raise CvatError(f"CVAT at {server.url} has no project {number}", "Correct the address.")
    return _reference(server, found[0])


def _by_name(server: CvatServer, name: str) -> dict[str, Any] | None:
    listed = server.list_all("/api/projects", f"looking for project '{name}'", name=name)
    found = [project for project in listed if project["name"] == name]
    if len(found) > 1:
        ids = ", ".join(str(project["id"]) for project in sorted(found, key=lambda project: project["id"]))
        raise CvatError(
            f"CVAT at {server.url} has {len(found)} projects called '{name}' (ids {ids})",
            "Rename all but the one that is meant.",
        )
    return found[0] if found else None


def _create(server: CvatServer, name: str, classes: Sequence[str], tracker: str) -> dict[str, Any]:
    body = {"name": name, "labels": [{"name": label, "attributes": []} for label in classes], "bug_tracker": tracker}
    try:
        created: dict[str, Any] = server.write("POST", "/api/projects", f"creating project '{name}'", body)
    except CvatUnreachableError:
        # The answer is lost, which does not say that the project is: it may stand there.
        found = _by_name(server, name)
        if found is None:
            raise
        return found
    return created


def _reference(server: CvatServer, project: Mapping[str, Any]) -> ProjectRef:
    number, name = int(project["id"]), str(project["name"])
    labels = server.list_all("/api/labels", f"reading the labels of project '{name}'", project_id=number)
    ids = {str(label["name"]): int(label["id"]) for label in sorted(labels, key=lambda label: label["id"])}
    return ProjectRef(number, name, f"{server.url}/projects/{number}", ids)
