"""Organizations, who is in them, and how somebody gets in."""

import secrets
from operator import itemgetter

from starlette.responses import Response

from labelloop.sandbox.server import clock, validation
from labelloop.sandbox.server.errors import bad_field, forbidden, invalid, not_found
from labelloop.sandbox.server.filters import Terms, select
from labelloop.sandbox.server.paging import paginated
from labelloop.sandbox.server.replies import empty_reply, json_reply
from labelloop.sandbox.server.resource import Call
from labelloop.sandbox.server.rules import organizations
from labelloop.sandbox.server.serializers import organization
from labelloop.sandbox.server.store import Row

MOST_SLUG, MOST_NAME = 16, 64
WRITABLE = frozenset({"slug", "name", "description", "contact"})

TERMS = Terms(
    {name: itemgetter(name) for name in ("id", "name", "slug")},
    frozenset({"name", "slug"}),
    frozenset({"name"}),
)
MEMBER_TERMS = Terms({"id": itemgetter("id"), "role": itemgetter("role")}, frozenset({"role"}), frozenset())


def listed(call: Call) -> Response:
    """The organizations that somebody is in, newest first."""
    own = [row for row in call.store.find("organizations") if organizations.role(call.store, call.user, row["id"])]
    return paginated(
        call, select(own, call.query, TERMS), lambda row: organization.organization(row, call.store, call.base)
    )


def create(call: Call) -> Response:
    """Make an organization; who makes it owns it.

    Raises:
        Refusal: 400, when the slug is taken.
    """
    moment = clock.now()
    with call.store.transaction():
        values = _written(call, {"slug": "", "name": "", "description": "", "contact": {}, **call.fields()})
        number = call.store.insert(
            "organizations", owner_id=call.user["id"], created_date=moment, updated_date=moment, **values
        )
        organizations.add_member(call.store, number, call.user["id"], organizations.OWNER, call.user["id"], None)
    return json_reply(_shown(call, number), 201)


def one(call: Call) -> Response:
    """One organization."""
    return json_reply(_shown(call, _found(call)["id"]))


def patch(call: Call) -> Response:
    """Change an organization."""
    row, fields = _found(call), call.fields()
    validation.only(fields, WRITABLE)
    _require_manager(call, row["id"])
    with call.store.transaction():
        call.store.update("organizations", row["id"], updated_date=clock.now(), **_written(call, fields, row["id"]))
    return one(call)


def delete(call: Call) -> Response:
    """Delete an organization; its projects and tasks stay, as those of the people who made them."""
    row = _found(call)
    if organizations.role(call.store, call.user, row["id"]) != organizations.OWNER:
        raise forbidden()
    with call.store.transaction():
        for table in ("memberships", "belongings"):
            call.store.delete(table, organization_id=row["id"])
        call.store.delete("organizations", id=row["id"])
    return empty_reply(204)


def members(call: Call) -> Response:
    """The members of the organization that the request speaks of, or of all that somebody is in."""
    own = [
        row
        for row in call.store.find("memberships")
        if organizations.role(call.store, call.user, row["organization_id"])
        and (call.space.everything or row["organization_id"] == call.space.organization_id)
    ]
    return paginated(
        call, select(own, call.query, MEMBER_TERMS), lambda row: organization.membership(row, call.store, call.base)
    )


def patch_member(call: Call) -> Response:
    """Change what somebody is in an organization."""
    row, fields = _member(call), call.fields()
    validation.only(fields, {"role"})
    call.store.update("memberships", row["id"], role=_role(fields))
    return json_reply(organization.membership(_member(call), call.store, call.base))


def delete_member(call: Call) -> Response:
    """Take somebody out of an organization."""
    call.store.delete("memberships", id=_member(call)["id"])
    return empty_reply(204)


def invite(call: Call) -> Response:
    """Make somebody who has an account a member.

    Raises:
        Refusal: 400, when there is no such account, or it is a member already, or no organization is named.
    """
    fields, into = call.fields(), call.space.organization_id
    if into is None:
        raise bad_field("organization", validation.REQUIRED)
    _require_manager(call, into)
    user = call.store.first("users", email=validation.text(fields, "email", most=254, blank=False))
    if user is None:
        raise bad_field("email", "The sandbox has no account with this address")
    if call.store.first("memberships", organization_id=into, user_id=user["id"]):
        raise invalid("The user is a member of the organization already.")
    role, key = _role(fields), secrets.token_hex(32)
    number = organizations.add_member(call.store, into, user["id"], role, call.user["id"], key)
    row = call.store.find("memberships", id=number)[0]
    return json_reply(organization.invitation(row, call.store, call.base), 201)


def _role(fields: Row) -> str:
    return validation.choice(fields, "role", organizations.ROLES[1:], "")


def _found(call: Call) -> Row:
    row = call.store.first("organizations", id=call.row_id)
    if row is None:
        raise not_found("Organization")
    if organizations.role(call.store, call.user, row["id"]) is None:
        raise forbidden()
    return row


def _member(call: Call) -> Row:
    """The membership in the path, for who may change it: never the owner's."""
    row = call.store.first("memberships", id=call.row_id)
    if row is None:
        raise not_found("Membership")
    _require_manager(call, row["organization_id"])
    if row["role"] == organizations.OWNER:
        raise forbidden()
    return row


def _require_manager(call: Call, organization_id: int) -> None:
    if organizations.role(call.store, call.user, organization_id) not in organizations.MANAGERS:
        raise forbidden()


def _shown(call: Call, number: int) -> Row:
    return organization.organization(call.store.find("organizations", id=number)[0], call.store, call.base)


def _written(call: Call, fields: Row, row_id: int | None = None) -> Row:
    """The checked columns that a request writes."""
    values: Row = {}
    if "slug" in fields:
        values["slug"] = validation.text(fields, "slug", most=MOST_SLUG, blank=False)
        taken = call.store.first("organizations", slug=values["slug"])
        if taken is not None and taken["id"] != row_id:
            raise bad_field("slug", "organization with this slug already exists.")
    if "name" in fields:
        values["name"] = validation.text(fields, "name", most=MOST_NAME) or values.get("slug", "")
    if "description" in fields:
        values["description"] = validation.text(fields, "description", most=4096)
    if "contact" in fields:
        values["contact"] = fields["contact"] if isinstance(fields["contact"], dict) else {}
    return values
