"""Organizations: which space a request speaks of, what belongs to one, and who has a say in it.

A request names an organization by its slug, in `X-Organization` or `org`. An empty slug is the personal space, and none
at all is everything that somebody may see. What is made in an organization belongs to it.
"""

from dataclasses import dataclass

from starlette.requests import Request

from labelloop.sandbox.server import clock
from labelloop.sandbox.server.errors import detail, forbidden, invalid
from labelloop.sandbox.server.store import Row, Store

OWNER, MAINTAINER, SUPERVISOR, WORKER = ROLES = ("owner", "maintainer", "supervisor", "worker")
MANAGERS = frozenset({OWNER, MAINTAINER})
SEEING_ALL = frozenset({OWNER, MAINTAINER, SUPERVISOR})


@dataclass(frozen=True)
class Space:
    """What a request speaks of: everything, or what belongs to one organization, or (None) to nobody but people."""

    everything: bool = True
    organization_id: int | None = None

    def has_project(self, store: Store, row_id: int) -> bool:
        """Whether a project is in this space."""
        return self.everything or of(store, "projects", row_id) == self.organization_id

    def has_task(self, store: Store, task: Row) -> bool:
        """Whether a task is in this space."""
        return self.everything or of_task(store, task) == self.organization_id


EVERYTHING = Space()


def space(request: Request, store: Store, user: Row) -> Space:
    """The space a request speaks of.

    Raises:
        Refusal: 400, when header and query differ; 404, when there is no such organization; 403, when this user has
            no part in it, save for asking who they are.
    """
    header, query = request.headers.get("x-organization"), request.query_params.get("org")
    if header is not None and query is not None and header != query:
        raise invalid(
            'You cannot specify "org" query parameter and "X-Organization" HTTP header with different values.'
        )
    slug = query if query is not None else header
    if not slug:
        return Space(everything=slug is None)
    found = store.first("organizations", slug=slug)
    if found is None:
        raise detail(404, f"{slug} organization does not exist.")
    if role(store, user, found["id"]) is None and request.url.path.rstrip("/") != "/api/users/self":
        raise forbidden()
    return Space(everything=False, organization_id=found["id"])


def role(store: Store, user: Row, organization_id: int | None) -> str | None:
    """What somebody is in an organization; an admin has the say of an owner in all."""
    if organization_id is None:
        return None
    if user["is_superuser"]:
        return OWNER
    member = store.first("memberships", organization_id=organization_id, user_id=user["id"])
    return member["role"] if member else None


def of(store: Store, table: str, row_id: int) -> int | None:
    """The organization that a project or task belongs to."""
    found = store.first("belongings", noun=table, row_id=row_id)
    return int(found["organization_id"]) if found else None


def of_task(store: Store, task: Row) -> int | None:
    """The organization of a task: its project's, or its own."""
    if task["project_id"] is not None:
        return of(store, "projects", task["project_id"])
    return of(store, "tasks", task["id"])


def put(store: Store, table: str, row_id: int, organization_id: int | None) -> None:
    """Make a project or task belong to an organization, or to nobody."""
    store.delete("belongings", noun=table, row_id=row_id)
    if organization_id is not None:
        store.insert("belongings", noun=table, row_id=row_id, organization_id=organization_id)


def require_maker(store: Store, user: Row, organization_id: int | None) -> None:
    """Refuse somebody who may only work on what they are given.

    Raises:
        Refusal: 403.
    """
    if organization_id is not None and role(store, user, organization_id) not in SEEING_ALL:
        raise forbidden()


def add_member(store: Store, organization_id: int, user_id: int, given: str, owner_id: int, key: str | None) -> int:
    """Make somebody a member; an invitation has a key."""
    values: Row = {"role": given, "owner_id": owner_id, "key": key, "joined_date": clock.now()}
    return store.insert("memberships", organization_id=organization_id, user_id=user_id, **values)
