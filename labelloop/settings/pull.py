"""What `labelloop.yaml` says of the finished tasks that people made without labelloop."""

import re
from typing import Annotated, Literal

from pydantic import Field, field_validator

from labelloop.core.name_fields import clashing
from labelloop.core.vocabulary import PullMode
from labelloop.settings.section import Section

# A bare number in the file is an id; a name made of digits is put in quotes.
CvatProject = str | Annotated[int, Field(strict=True, ge=1)]
PULL_MODES = Literal["task_tracking", "skip_existing", "force_refresh", "skip_if_exist"]


class PullSettings(Section):
    """How tasks of an existing CVAT project come in; part of `annotation`."""

    pull_project: CvatProject = Field(
        "", description="CVAT project, by name or id, whose finished tasks cvat_pull brings in; empty: none."
    )
    pull_mode: PULL_MODES = Field(
        "task_tracking",
        description="task_tracking: tasks that are new or have changed. skip_existing: new tasks, those here are never "
        "read again. force_refresh: everything is read again, after a verified backup, and what is gone on the server "
        "goes here. skip_if_exist: nothing, once something was pulled.",
    )
    allowed_subsets: list[str] = Field(
        default_factory=list,
        description="Subsets of tasks to pull, in any case; val is valid is validation, train is training, test is "
        "testing, default is none; empty: all.",
    )
    pull_unfinished: bool = Field(
        False,
        description="Pull tasks that are not completed as well, again whenever something on them has changed; images "
        "of their open jobs count where something is drawn.",
    )
    name_fields: str = Field(
        "",
        description="Regular expression, searched in the file name of every image, whose named groups become fields: "
        r"(?P<area>[A-Z]+)_(?P<year>\d+); numbers where all values are numbers.",
    )

    @property
    def mode(self) -> PullMode:
        """How far tasks that are here already are read again."""
        return PullMode(self.pull_mode)

    @field_validator("name_fields")
    @classmethod
    def _has_named_groups(cls, value: str) -> str:
        try:
            groups = re.compile(value).groupindex
        except re.error as error:
            raise ValueError(f"not a regular expression: {error}") from error
        if value and not groups:
            raise ValueError("has no named group such as (?P<year>[0-9]+)")
        if clashing(groups):
            raise ValueError(f"would write over the fields {', '.join(clashing(groups))}; give the groups other names")
        return value
