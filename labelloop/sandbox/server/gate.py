"""What a request passes before any resource sees it: host, Accept, who is asking, and the CSRF rule."""

import base64
import binascii
import secrets
from dataclasses import dataclass

from starlette.requests import Request

from labelloop.sandbox.server import accounts, clock
from labelloop.sandbox.server.errors import Refusal, detail, forbidden
from labelloop.sandbox.server.replies import MEDIA_TYPE
from labelloop.sandbox.server.rules.organizations import EVERYTHING, Space
from labelloop.sandbox.server.store import Row
from labelloop.sandbox.server.world import World

SAFE_METHODS = frozenset({"GET", "HEAD", "OPTIONS"})
ACCEPTABLE = frozenset({"*/*", "application/*", MEDIA_TYPE})


@dataclass(frozen=True)
class Entry:
    """Who was let in."""

    user: Row
    secret: Row | None  # the token or session that said so; None for Basic
    space: Space = EVERYTHING


def check_host(request: Request, world: World) -> None:
    """Refuse a name that is not this machine's own: a rebound DNS name makes a browser read for a stranger.

    Raises:
        Refusal: 400, when the Host header names another machine.
    """
    if world.hosts is None:
        return
    host = request.headers.get("host", "").lower()
    name = host[: host.find("]") + 1] if host.startswith("[") else host.rsplit(":", 1)[0]
    if name not in world.hosts:
        raise Refusal(400, "This host name is not served here.", plain=True)


def check_accept(request: Request) -> None:
    """Refuse a client that would not take CVAT's media type.

    Raises:
        Refusal: 406, as for `Accept: application/json`.
    """
    wanted = {part.split(";")[0].strip() for part in request.headers.get("accept", "*/*").split(",")}
    if not wanted & ACCEPTABLE:
        raise detail(406, "Could not satisfy the request Accept header.")


def identify(request: Request, world: World) -> Entry | None:
    """Who is asking: by bearer token, by login key, by session, by password, in this order.

    Raises:
        Refusal: 401 when credentials are wrong, 403 when a session breaks the CSRF rule.
    """
    scheme, _, value = request.headers.get("authorization", "").partition(" ")
    if scheme.lower() in ("bearer", "token"):
        kind = accounts.PERSONAL if scheme.lower() == "bearer" else accounts.KEY
        return _by_token(world, kind, value.strip())
    session = request.cookies.get("sessionid")
    secret = accounts.find_secret(world.store, accounts.SESSION, session) if session else None
    if secret is not None:
        _check_csrf(request, secret)
        return Entry(accounts.user(world.store, secret["user_id"]), secret)
    return _by_password(world, value) if scheme.lower() == "basic" else None


def check_permission(request: Request, entry: Entry) -> None:
    """Refuse writes with a token that may only read.

    Raises:
        Refusal: 403.
    """
    if entry.secret and entry.secret["read_only"] and request.method not in SAFE_METHODS:
        raise forbidden()


def unauthorized(text: str = "Authentication credentials were not provided.", **headers: str) -> Refusal:
    """401 as CVAT says it."""
    return detail(401, text, **{"WWW-Authenticate": "Token", **headers})


def _by_token(world: World, kind: str, value: str) -> Entry:
    secret = accounts.find_secret(world.store, kind, value)
    if secret is None:
        raise unauthorized("Invalid token.", Vary="Accept, Origin")
    if kind == accounts.PERSONAL:
        accounts.mark_used(world.store, secret)
    return Entry(accounts.user(world.store, secret["user_id"]), secret)


def _by_password(world: World, value: str) -> Entry:
    try:
        name, _, password = base64.b64decode(value, validate=True).decode().partition(":")
    except (binascii.Error, UnicodeDecodeError) as error:
        raise unauthorized("Invalid basic header. Credentials not correctly base64 encoded.") from error
    user = accounts.check_password(world.store, name, password)
    if user is None:
        raise unauthorized("Invalid username/password.")
    if user["last_login"] is None:
        world.store.update("users", user["id"], last_login=clock.now())
    return Entry(user, None)


def _check_csrf(request: Request, secret: Row) -> None:
    """A write on the strength of a cookie alone could come from any page; it must repeat the CSRF token."""
    if request.method in SAFE_METHODS:
        return
    token = request.headers.get("x-csrftoken")
    if not token:
        raise detail(403, "CSRF Failed: CSRF token missing.")
    if not secrets.compare_digest(token.encode(), secret["csrf"].encode()):
        raise detail(403, "CSRF Failed: CSRF token from the 'X-Csrftoken' HTTP header incorrect.")
