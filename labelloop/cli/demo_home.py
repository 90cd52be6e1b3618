"""The project of a demo: made where there is none, thrown away only where a demo made it."""

import re
import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from labelloop.adapters.files.atomic import write_bytes, write_json
from labelloop.adapters.files.home import STATE_FOLDER
from labelloop.adapters.processes import read_record
from labelloop.cli import init
from labelloop.cli.up import down
from labelloop.core.errors import ConfigError
from labelloop.resources.project import Project
from labelloop.settings.yaml_file import CONFIG_NAME, load_settings

MARKER = "demo.json"  # in the home: a demo made it, and how long it has worked on it
OLD = ".labelloop-demo-thrown-away"
LIMIT = re.compile(r"(?m)^(\s+max_iterations:).*$")


@dataclass(frozen=True)
class DemoHome:
    """The folder of a demo."""

    folder: Path

    @property
    def config(self) -> Path:
        """Its settings."""
        return self.folder / CONFIG_NAME

    @property
    def root(self) -> Path:
        """Its state."""
        return self.folder / STATE_FOLDER

    @property
    def is_ours(self) -> bool:
        """Whether a demo made it."""
        return (self.root / MARKER).is_file()

    def make(self, iterations: int, say: Callable[[str], None]) -> Project:
        """The project, completed where something is missing.

        Raises:
            ConfigError: If the folder holds a project whose images people annotate.
        """
        if not self.is_ours and (self.config.exists() or self.root.exists()):
            self._require_sandbox()
            return Project(self.config)
        if not self.is_ours:
            write_json(self.root / MARKER, {"seconds": 0.0})
            say("drawing scenes: digits on photographs")
        for _ in init.run(self.folder, sandbox=True, source=None, weights=""):
            pass
        self._allow(iterations)
        return Project(self.config)

    def throw_away(self) -> None:
        """Stop what runs here and remove the state and the settings.

        Raises:
            ConfigError: If no demo made them.
        """
        old = self.folder / OLD
        if self.is_ours:
            if self.config.is_file():
                for _ in down(Project(self.config)):
                    pass
            # Moved away in one go: a removal that is broken off must not leave half a home.
            self._remove(old)
            self.root.rename(old)
            self.config.unlink(missing_ok=True)
        elif self.config.exists() or self.root.exists():
            raise ConfigError(
                f"{self.folder} holds a project that no demo made, so --fresh leaves it alone",
                "Run the demo in another folder: `labelloop demo --folder DIR`.",
            )
        self._remove(old)

    def seconds(self) -> float:
        """How long demos have worked on it so far."""
        return float((read_record(self.root / MARKER) or {}).get("seconds", 0.0))

    def worked(self, seconds: float) -> None:
        """Remember how long demos have worked on it."""
        if self.is_ours:
            write_json(self.root / MARKER, {"seconds": round(seconds, 1)})

    def _allow(self, iterations: int) -> None:
        """Let the loop stop by its own rule after this many turns, or after those that were allowed before."""
        allowed = load_settings(self.config).stop.max_iterations
        done = len(list((self.root / "batches").glob("v*.json")))
        wanted = max(iterations, min(allowed, done))
        if allowed != wanted:
            text = LIMIT.sub(rf"\g<1> {wanted}", self.config.read_text(encoding="utf-8"))
            write_bytes(self.config, text.encode())

    def _require_sandbox(self) -> None:
        if not self.config.is_file() or load_settings(self.config).sandbox == "off":
            raise ConfigError(
                f"{self.folder} holds a project of its own", "Run the demo in another: `labelloop demo --folder DIR`."
            )

    @staticmethod
    def _remove(folder: Path) -> None:
        if folder.is_dir():
            shutil.rmtree(folder)
