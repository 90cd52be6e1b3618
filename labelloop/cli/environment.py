"""`.env` beside labelloop.yaml, which Dagster reads in its working folder."""

from collections.abc import Iterator
from pathlib import Path

from labelloop.adapters.files.atomic import write_bytes
from labelloop.resources.project import Project

KEY = "DAGSTER_HOME="


def write(path: Path, dagster_home: Path) -> Iterator[str]:
    """Let `.env` name a Dagster home; other lines in it stay. Tells what was written."""
    wanted = f"{KEY}{dagster_home}"
    lines = path.read_text(encoding="utf-8").splitlines() if path.is_file() else []
    kept = [line for line in lines if not line.startswith(KEY)]
    if [*kept, wanted] != lines:
        write_bytes(path, "\n".join([*kept, wanted, ""]).encode())
        yield f"wrote {path}"


def follow(now: Project) -> Iterator[str]:
    """Correct a `.env` that came along when the project was moved or copied; one that people wrote stays.

    Dagster takes absolute paths only, so the line still names the folder of before.
    """
    path, own = now.home.project / ".env", now.home.root / "dagster"
    lines = path.read_text(encoding="utf-8").splitlines() if path.is_file() else []
    for named in [Path(line.removeprefix(KEY)) for line in lines if line.startswith(KEY)]:
        elsewhere = own.is_dir() and named.resolve() != own.resolve()
        if elsewhere and (not named.is_dir() or (named.parent / "dataset.json").is_file()):
            yield from write(path, own)
            yield f"the project was moved: DAGSTER_HOME was {named}, now it is {own}"
