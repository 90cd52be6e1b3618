"""Time as CVAT writes it: UTC, microseconds, a trailing Z."""

from datetime import UTC, datetime, timedelta


def now() -> str:
    """This moment."""
    return stamp(datetime.now(UTC))


def later(seconds: float) -> str:
    """The moment so many seconds from now."""
    return stamp(datetime.now(UTC) + timedelta(seconds=seconds))


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
