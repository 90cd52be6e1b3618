"""Time as CVAT writes it: UTC, microseconds, a trailing Z."""

import time
from datetime import UTC, datetime, timedelta

_ahead = timedelta()  # how far a test has put the clock forward


def now() -> str:
    """This moment."""
    return stamp(_moment())


def later(seconds: float) -> str:
    """The moment so many seconds from now."""
    return stamp(_moment() + timedelta(seconds=seconds))


def seconds() -> float:
    """A count of seconds that never goes back, for differences."""
    return time.monotonic() + _ahead.total_seconds()


def advance(by: float) -> None:
    """Put the clock forward by so many seconds, for tests of what expires."""
    global _ahead  # noqa: PLW0603 — the process has one clock
    _ahead += timedelta(seconds=by)


def _moment() -> datetime:
    return datetime.now(UTC) + _ahead


def stamp(moment: datetime) -> str:
    """A moment as text; such texts compare in order of time."""
    return moment.strftime("%Y-%m-%dT%H:%M:%S.%fZ")


def parse(text: str) -> datetime:
    """The moment behind a time stamp, in UTC; one without a time zone is taken to be in it.

    Raises:
        ValueError: If the text is no time stamp.
    """
    moment = datetime.fromisoformat(text)
    return moment.astimezone(UTC) if moment.tzinfo else moment.replace(tzinfo=UTC)
