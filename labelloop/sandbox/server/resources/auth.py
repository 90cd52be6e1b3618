"""Logging in and out, and personal access tokens."""

import secrets

from starlette.responses import Response

from labelloop.sandbox.server import accounts, clock, validation
from labelloop.sandbox.server.errors import bad_field, detail, not_found
from labelloop.sandbox.server.paging import paginated
from labelloop.sandbox.server.replies import empty_reply, json_reply
from labelloop.sandbox.server.resource import Call
from labelloop.sandbox.server.serializers import user
from labelloop.sandbox.server.store import Row

SESSION_SECONDS = 14 * 24 * 3600
DROPPED = ("sessionid", "sessionfresh")  # by a logout; the CSRF token stays


def login(call: Call) -> Response:
    """Name and password against a key and the cookies of a session.

    Raises:
        Refusal: 400 for wrong credentials, as CVAT has it.
    """
    fields = call.fields()
    name, password = str(fields.get("username") or ""), validation.text(fields, "password", most=4096)
    found = accounts.check_password(call.store, name, password)
    if found is None:
        raise bad_field("non_field_errors", "Unable to log in with provided credentials.")
    key, session, csrf = (secrets.token_hex(20) for _ in range(3))
    with call.store.transaction():
        call.store.update("users", found["id"], last_login=clock.now())
        accounts.add_secret(call.store, found["id"], accounts.KEY, key)
        expiry = clock.later(SESSION_SECONDS)
        accounts.add_secret(call.store, found["id"], accounts.SESSION, session, csrf=csrf, expiry_date=expiry)
    response = json_reply({"key": key})
    response.set_cookie("csrftoken", csrf, max_age=SESSION_SECONDS, samesite="lax")
    response.set_cookie("sessionfresh", "1", max_age=SESSION_SECONDS, samesite="lax")
    response.set_cookie("sessionid", session, max_age=SESSION_SECONDS, samesite="lax", httponly=True)
    return response


def logout(call: Call) -> Response:
    """End the session or the login key that asks for it; an access token stays until it is revoked."""
    secret = call.entry.secret if call.entry else None
    if secret is not None and secret["kind"] != accounts.PERSONAL:
        call.store.delete("secrets", id=secret["id"])
    response = json_reply({"detail": "Successfully logged out."})
    for name in DROPPED:
        response.delete_cookie(name)
    return response


def tokens(call: Call) -> Response:
    """The personal access tokens of the user, newest first."""
    rows = call.store.find("secrets", order="id DESC", user_id=call.user["id"], kind=accounts.PERSONAL)
    return paginated(call, rows, lambda row: user.token(row, call.store, call.base))


def create_token(call: Call) -> Response:
    """Make a personal access token; its value is shown this once."""
    fields = call.fields()
    value = accounts.new_token()
    row_id = accounts.add_secret(
        call.store, call.user["id"], accounts.PERSONAL, value,
        name=validation.text(fields, "name", most=64, blank=False),
        read_only=int(bool(fields.get("read_only"))), expiry_date=_expiry(fields),
    )  # fmt: skip
    row = call.store.find("secrets", id=row_id)[0]
    return json_reply(user.token(row, call.store, call.base, value), 201)


def token(call: Call) -> Response:
    """One personal access token."""
    return json_reply(user.token(_own_token(call), call.store, call.base))


def patch_token(call: Call) -> Response:
    """Rename a personal access token, or change what it may do and for how long."""
    row, fields = _own_token(call), call.fields()
    values: Row = {"updated_date": clock.now()}
    if "name" in fields:
        values["name"] = validation.text(fields, "name", most=64, blank=False)
    if "read_only" in fields:
        values["read_only"] = int(bool(fields["read_only"]))
    if "expiry_date" in fields:
        values["expiry_date"] = _expiry(fields)
    call.store.update("secrets", row["id"], **values)
    return token(call)


def delete_token(call: Call) -> Response:
    """Revoke a personal access token."""
    call.store.delete("secrets", id=_own_token(call)["id"])
    return empty_reply(204)


def _own_token(call: Call) -> Row:
    row = call.store.first("secrets", id=call.row_id, user_id=call.user["id"], kind=accounts.PERSONAL)
    if row is None:
        raise not_found("AccessToken")
    return row


def _expiry(fields: Row) -> str | None:
    text = fields.get("expiry_date")
    if text is None:
        return None
    try:
        return clock.stamp(clock.parse(str(text)))
    except ValueError as error:
        raise detail(400, "Datetime has wrong format.") from error
