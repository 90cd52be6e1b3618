"""Projects of a CVAT server, found by name or created, with the classes of the schema as labels."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from labelloop.adapters.cvat.client import CvatServer
from labelloop.core.errors import CvatError, CvatUnreachableError

MOST_NAMES = 20
OWNER_MARK = "labelloop-project:"  # before the identity of the data set, in the project's tracker field


@dataclass(frozen=True)
class ProjectRef:
    """A project on the server; `label_ids` maps each of its label names to CVAT's id, in CVAT's order."""

    id: int
    name: str
    url: str
    label_ids: Mapping[str, int]


def find_or_create_project(
    server: CvatServer,
    name: str,
    classes: Sequence[str],
    *,
    renamed: Mapping[str, str] | None = None,
    tracker: str = "",
    owner: str = "",
) -> ProjectRef:
    """The project of this exact name, with a label for each class; made when there is none.

    Labels that are missing are added. A class that was renamed keeps its label, with all annotations, under the new
    name; where both names are there already, both stay. None is ever removed: CVAT deletes the annotations with it.

    Args:
        server: The connection.
        name: Name of the project, at most 256 characters.
        classes: Names of the labels, in the order of their class ids.
        tracker: Address that a new project links to as its issue tracker.
        renamed: Today's name by former name.
        owner: Who makes the project; it is told on the server, and one that somebody else made is not touched.

    Raises:
        CvatError: If several projects bear the name, somebody else made it, or the server refuses.
    """
    found = _by_name(server, name)
    if found is None:
        found = _create(server, name, classes, tracker, owner)
    _refuse_of_others(server, found, owner)
    project = _reference(server, found)
    changes = _missing(project, classes, renamed or {})
    if changes:
        server.write("PATCH", f"/api/projects/{project.id}", f"adding labels to project '{name}'", {"labels": changes})
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


def _missing(project: ProjectRef, classes: Sequence[str], renamed: Mapping[str, str]) -> list[dict[str, Any]]:
    """Labels to add, and those whose class has another name now, as CVAT takes them."""
    changes: list[dict[str, Any]] = []
    for label in classes:
        former = [old for old, new in renamed.items() if new == label and old in project.label_ids]
        if label in project.label_ids:
            continue
        changes.append(
            {"id": project.label_ids[former[0]], "name": label} if former else {"name": label, "attributes": []}
        )
    return changes


def _refuse_of_others(server: CvatServer, project: Mapping[str, Any], owner: str) -> None:
    """Two projects of labelloop in one of CVAT would mix their classes and their open tasks."""
    mark = str(project.get("bug_tracker") or "")
    other = mark.partition(OWNER_MARK)[2]
    if owner and other and other != owner:
        raise CvatError(
            f"Project '{project['name']}' ({server.url}/projects/{project['id']}) belongs to another labelloop project",
            "Set annotation.project in labelloop.yaml to another name. If its home is gone and this one is to go on "
            "with it, empty the project's issue tracker field in CVAT.",
        )


def _create(server: CvatServer, name: str, classes: Sequence[str], tracker: str, owner: str) -> dict[str, Any]:
    body: dict[str, Any] = {"name": name, "labels": [{"name": label, "attributes": []} for label in classes]}
    body["bug_tracker"] = "#".join(filter(None, [tracker, owner and f"{OWNER_MARK}{owner}"]))
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
