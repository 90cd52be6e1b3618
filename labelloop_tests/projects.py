"""A project that is nothing but its settings: no image, no server, no database."""

from pathlib import Path
from typing import Any

from labelloop.resources.project import Project
from labelloop.settings.model import Settings
from labelloop.settings.yaml_file import CONFIG_NAME, render


def make_project(folder: Path, **sections: Any) -> Project:
    """A project with these sections of labelloop.yaml; made again, it has other settings and the same state."""
    (folder / CONFIG_NAME).write_text(render(Settings(**sections)), encoding="utf-8")
    (folder / ".labelloop").mkdir(exist_ok=True)
    return Project(folder / CONFIG_NAME)
