"""Users and their secrets. Passwords and tokens are kept as hashes; only `credentials.json` holds them in clear."""

import hashlib
import secrets

from labelloop.sandbox.server import clock
from labelloop.sandbox.server.store import Row, Store

KEY, SESSION, PERSONAL = "key", "session", "personal"  # kinds of secrets: login key, cookie, personal access token


def hash_password(password: str) -> str:
    """A salted hash of a password."""
    salt = secrets.token_hex(8)
    return f"{salt}${_scrypt(password, salt)}"


def _scrypt(password: str, salt: str) -> str:
    return hashlib.scrypt(password.encode(), salt=salt.encode(), n=4096, r=8, p=1).hex()


def check_password(store: Store, username: str, password: str) -> Row | None:
    """The user whose name and password these are."""
    found = store.first("users", username=username)
    if found is None:
        return None
    salt, _, digest = found["password"].partition("$")
    return found if secrets.compare_digest(digest, _scrypt(password, salt)) else None


def user(store: Store, user_id: int) -> Row:
    """The user with an id that the sandbox itself wrote down."""
    return store.rows("SELECT * FROM users WHERE id = ?", [user_id])[0]


def ensure_user(store: Store, username: str, password: str, token: str) -> None:
    """Make the user of the sandbox, with exactly this password and token. Repeating it changes nothing."""
    with store.transaction():
        found = store.first("users", username=username)
        if found is None:
            user_id = store.insert(
                "users", username=username, password=hash_password(password), is_superuser=1,
                email=f"{username}@sandbox.invalid", date_joined=clock.now(),
            )  # fmt: skip
        else:
            user_id = found["id"]
            if check_password(store, username, password) is None:
                store.update("users", user_id, password=hash_password(password))
        if find_secret(store, PERSONAL, token) is None:
            add_secret(store, user_id, PERSONAL, token, name="sandbox")


def add_user(store: Store, username: str, password: str) -> int:
    """Add a user who is no admin."""
    return store.insert(
        "users", username=username, password=hash_password(password), email=f"{username}@sandbox.invalid",
        date_joined=clock.now(),
    )  # fmt: skip


def new_token() -> str:
    """A personal access token in CVAT's length: a short prefix, a dot, the secret."""
    return f"{secrets.token_hex(4)}.{secrets.token_hex(16)}"


def digest(value: str) -> str:
    """What is kept of a token: it is random and long, so that a plain hash is enough."""
    return hashlib.sha256(value.encode()).hexdigest()


def find_secret(store: Store, kind: str, value: str) -> Row | None:
    """The token, login key or session with this value, unless it has expired."""
    found = store.first("secrets", kind=kind, digest=digest(value))
    expired = found is not None and found["expiry_date"] is not None and found["expiry_date"] <= clock.now()
    return None if expired else found


def add_secret(store: Store, user_id: int, kind: str, value: str, **columns: str | int | None) -> int:
    """Keep a token, login key or session of a user."""
    moment = clock.now()
    return store.insert(
        "secrets", user_id=user_id, kind=kind, digest=digest(value), created_date=moment, updated_date=moment, **columns
    )


def mark_used(store: Store, secret: Row) -> None:
    """Note the use of a token, at most once a minute: it is a write on every request otherwise."""
    if secret["last_used_date"] is None or secret["last_used_date"] < clock.later(-60):
        store.update("secrets", secret["id"], last_used_date=clock.now())
