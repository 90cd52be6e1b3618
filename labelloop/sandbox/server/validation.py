"""Checks of single fields in a request body, with CVAT's words for what is wrong."""

from collections.abc import Collection
from typing import Any

from labelloop.sandbox.server.errors import bad_field, detail
from labelloop.sandbox.server.store import Row

REQUIRED = "This field is required."


def text(body: Row, name: str, *, most: int, default: str | None = None, blank: bool = True) -> str:
    """A text field.

    Args:
        body: The fields of the request.
        name: Which of them.
        most: The most characters it may have.
        default: What stands for a missing field; without one it is required.
        blank: Whether it may be empty.

    Raises:
        Refusal: 400 that names the field.
    """
    value = body.get(name, default)
    if value is None:
        raise bad_field(name, "This field may not be null." if name in body else REQUIRED)
    if isinstance(value, bool) or not isinstance(value, str | int | float):
        raise bad_field(name, "Not a valid string.")
    value = str(value)
    if not value and not blank:
        raise bad_field(name, "This field may not be blank.")
    if len(value) > most:
        raise bad_field(name, f"Ensure this field has no more than {most} characters.")
    return value


def integer(body: Row, name: str, default: int | None = None, *, least: int = 0) -> int | None:
    """An integer field; a missing or null one is the default.

    Raises:
        Refusal: 400 that names the field.
    """
    value = body.get(name)
    if value is None:
        return default
    try:
        number = int(value)
    except (TypeError, ValueError) as error:
        raise bad_field(name, "A valid integer is required.") from error
    if number < least:
        raise bad_field(name, f"Ensure this value is greater than or equal to {least}.")
    return number


def choice(body: Row, name: str, choices: Collection[str], default: str) -> str:
    """A field with few possible values.

    Raises:
        Refusal: 400 that names the field.
    """
    value: Any = body.get(name, default)
    if value not in choices:
        raise bad_field(name, f'"{value}" is not a valid choice.')
    return str(value)


def only(body: Row, allowed: Collection[str]) -> None:
    """Refuse to change what cannot be changed.

    Raises:
        Refusal: 403, as CVAT answers for any field that is not writable.
    """
    if set(body) - set(allowed):
        raise detail(403, "Attempted to update an unknown field")
