"""Errors of the SDK and of the network, turned once into labelloop's own."""

import json
import re
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import urllib3

from labelloop.core.errors import CvatError, CvatLoginError, CvatUnreachableError

MOST_WORDS = 300
CREDENTIALS_REMEDY = "Check CVAT_ACCESS_TOKEN, or CVAT_USERNAME and CVAT_PASSWORD."
REMEDIES = {
    403: "The account may not do this: ask the owner of the project, or check annotation.organization.",
    404: "It may have been deleted, or belong to an organization other than annotation.organization.",
}


class CvatRefusedError(CvatError):
    """CVAT understood and said no; `status` is the HTTP status of its answer."""

    def __init__(self, what: str, remedy: str = "", status: int = 0) -> None:
        super().__init__(what, remedy)
        self.status = status


@contextmanager
def translate(url: str, doing: str) -> Iterator[None]:
    """Turn whatever goes wrong while talking to `url` into an error that names the server and the work.

    Args:
        url: Address of the server.
        doing: What was attempted, naming the project, task or job: "reading task 9".

    Raises:
        CvatUnreachableError: If nothing answered, or the answer was 429 or 5xx: worth trying again.
        CvatLoginError: If the server does not know the credentials.
        CvatRefusedError: If it refused; the message carries its own words.
    """
    from cvat_sdk.api_client.exceptions import ApiException
    from cvat_sdk.core.exceptions import CvatSdkException

    try:
        yield
    except ApiException as error:
        # Not chained: the SDK's text repeats the headers, and they may hold a session cookie.
        raise _from_answer(url, doing, error) from None
    except urllib3.exceptions.HTTPError as error:
        raise CvatUnreachableError(
            f"CVAT at {url} did not answer while {doing} ({network_words(error)})",
            "Is the server running, and is CVAT_URL its address? This is worth trying again.",
        ) from error
    except CvatSdkException as error:
        raise CvatError(f"{doing} at {url} failed: {error}") from error


def _from_answer(url: str, doing: str, error: Any) -> CvatError:
    status = int(error.status or 0)
    words = server_words(error.body)
    said = f"{status}: {words}" if words else str(status)
    if status == 401:
        return CvatLoginError(f"CVAT at {url} does not accept the credentials ({said})", CREDENTIALS_REMEDY)
    if status in {0, 429} or status >= 500:
        return CvatUnreachableError(
            f"CVAT at {url} could not answer while {doing} ({said})", "This is worth trying again in a minute."
        )
    if 300 <= status < 400:
        target = (error.headers or {}).get("Location", "elsewhere")
        return CvatRefusedError(f"{url} redirects to {target}", "Set CVAT_URL to that address.", status)
    return CvatRefusedError(f"CVAT refused {doing} ({said})", REMEDIES.get(status, ""), status)


def server_words(body: bytes | str | None) -> str:
    """What an error body says, in one line, whichever of CVAT's shapes it has.

    CVAT answers with `{"detail": …}`, `{"field": […]}` (nested), `[…]`, a bare JSON string, plain text, or a page of
    HTML.
    """
    text = body.decode("utf-8", "replace") if isinstance(body, bytes) else body or ""
    try:
        words = "; ".join(_leaves(json.loads(text)))
    except ValueError:
        title = re.search(r"<title>(.*?)</title>", text, re.IGNORECASE | re.DOTALL)
        words = title.group(1) if title else text
    words = " ".join(words.split())
    return words if len(words) <= MOST_WORDS else f"{words[:MOST_WORDS]}…"


def _leaves(value: Any, key: str = "") -> Iterator[str]:
    """Texts of a nested error body, each led by the name of its field."""
    if isinstance(value, dict):
        for name, inner in value.items():
            yield from _leaves(inner, "" if name in {"detail", "non_field_errors"} else str(name))
    elif isinstance(value, list):
        for inner in value:
            yield from _leaves(inner, key)
    elif value is not None:
        yield f"{key}: {value}" if key else str(value)


def network_words(error: BaseException) -> str:
    """The innermost reason of a network error: "connection refused" instead of three nested classes."""
    if isinstance(error, urllib3.exceptions.TimeoutError) and not isinstance(
        error, urllib3.exceptions.NewConnectionError
    ):
        return "no answer within the time limit"
    inner = [getattr(error, "reason", None), error.__cause__, error.__context__, *error.args]
    for cause in inner:
        if isinstance(cause, BaseException):
            return network_words(cause)
    strerror = error.strerror if isinstance(error, OSError) else None
    return (strerror or str(error) or type(error).__name__).lower()
