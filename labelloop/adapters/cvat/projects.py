"""Projects of a CVAT server, found by name or id or created, with the classes of the schema as labels."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from labelloop.adapters.cvat import label_specs, labels
from labelloop.adapters.cvat.client import CvatServer
from labelloop.adapters.files.home import way_back
from labelloop.core.errors import CvatError, CvatUnreachableError
from labelloop.core.label_spec import LabelSpec

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
    name: str | int,
    classes: Sequence[str | LabelSpec],
    *,
    renamed: Mapping[str, str] | None = None,
    tracker: str = "",
    owner: str = "",
) -> ProjectRef:
    """The project of this exact name or id, with a label for each class; made when there is none of that name.

    Labels and attributes that are missing are added. A class that was renamed keeps its label, with all annotations,
    under the new name; where both names are there already, both stay. None is ever removed: CVAT deletes the
    annotations with it. Colours of labels that are there stay as people set them.

    Args:
        server: The connection.
        name: Name of the project, at most 256 characters; a number is the id of one that exists.
        classes: The labels, in the order of their class ids.
        tracker: Address that a new project links to as its issue tracker.
        renamed: Today's name by former name.
        owner: Who makes the project; it is told on the server, and one that somebody else made is not touched.

    Raises:
        CvatError: If several projects bear the name, none has the id, somebody else made it, a label or attribute
            there is of another kind, or the server refuses.
    """
    wanted = [LabelSpec(each) if isinstance(each, str) else each for each in classes]
    found = _found(server, name)
    if found is None:
        found = _create(server, str(name), wanted, tracker, owner)
    _refuse_of_others(server, found, owner)
    there = _labels(server, found)
    changes = labels.changes(str(found["name"]), there, wanted, renamed or {})
    if changes:
        doing = f"adding labels to project '{found['name']}'"
        server.write("PATCH", f"/api/projects/{found['id']}", doing, {"labels": changes})
        there = _labels(server, found)
    return _reference(server, found, there)


def find_project(server: CvatServer, name: str | int) -> ProjectRef:
    """The project of this exact name, or of this id where it is a number.

    Raises:
        CvatError: If there is none (the message lists those there are) or several.
    """
    project = look_for_project(server, name)
    if project is not None:
        return project
    names = sorted({str(project["name"]) for project in server.list_all("/api/projects", "listing the projects")})
    shown = ", ".join(f"'{other}'" for other in names[:MOST_NAMES]) or "none"
    more = f" and {len(names) - MOST_NAMES} more" if len(names) > MOST_NAMES else ""
    raise CvatError(
        f"CVAT at {server.url} has no project '{name}'; there are: {shown}{more}",
        "Correct the name, or check annotation.organization.",
    )


def look_for_project(server: CvatServer, name: str | int) -> ProjectRef | None:
    """The project of this exact name, or None when there is none.

    Raises:
        CvatError: If there are several, or none of an id.
    """
    found = _found(server, name)
    return None if found is None else _reference(server, found, _labels(server, found))


def _found(server: CvatServer, name: str | int) -> dict[str, Any] | None:
    return _by_id(server, name) if isinstance(name, int) else _by_name(server, name)


def _by_id(server: CvatServer, number: int) -> dict[str, Any]:
    listed = server.list_all("/api/projects", f"looking for project {number}")
    found = [project for project in listed if project["id"] == number]
    if found:
        return found[0]
    numbers = ", ".join(f"{project['id']} '{project['name']}'" for project in listed[:MOST_NAMES]) or "none"
    more = f" and {len(listed) - MOST_NAMES} more" if len(listed) > MOST_NAMES else ""
    raise CvatError(
        f"CVAT at {server.url} has no project {number}; there are: {numbers}{more}",
        "Correct the number, or check annotation.organization; a name made of digits is put in quotes.",
    )


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


def _refuse_of_others(server: CvatServer, project: Mapping[str, Any], owner: str) -> None:
    """Two projects of labelloop in one of CVAT would mix their classes and their open tasks."""
    mark = str(project.get("bug_tracker") or "")
    other = mark.partition(OWNER_MARK)[2]
    if owner and other and other != owner:
        raise CvatError(
            f"Project '{project['name']}' ({server.url}/projects/{project['id']}) belongs to another labelloop project",
            f"Set annotation.project in labelloop.yaml to another name. {way_back(other)}",
        )


def _create(server: CvatServer, name: str, wanted: Sequence[LabelSpec], tracker: str, owner: str) -> dict[str, Any]:
    body: dict[str, Any] = {"name": name, "labels": [labels.as_sent(spec) for spec in wanted]}
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


def _labels(server: CvatServer, project: Mapping[str, Any]) -> list[dict[str, Any]]:
    return label_specs.listed(server, "project", project["id"], f"project '{project['name']}'")


def _reference(server: CvatServer, project: Mapping[str, Any], there: Sequence[Mapping[str, Any]]) -> ProjectRef:
    number = int(project["id"])
    ids = {str(label["name"]): int(label["id"]) for label in there}
    return ProjectRef(number, str(project["name"]), f"{server.url}/projects/{number}", ids)
