"""`labelloop init`: everything a project needs before its first job, and nothing it has to be asked for."""

import shutil
from collections.abc import Iterator
from pathlib import Path

from labelloop.adapters.files.atomic import write_bytes
from labelloop.adapters.files.home import Home
from labelloop.cli import environment
from labelloop.cli.propose import propose
from labelloop.sandbox.scenes.dataset import write_scenes
from labelloop.settings.batch import BatchSettings
from labelloop.settings.learning import TrainSettings
from labelloop.settings.model import LoopSettings, Settings, SourceSettings
from labelloop.settings.yaml_file import CONFIG_NAME, load_settings, render

SCENES = Path(".labelloop/sandbox/scenes")
SCENE_COUNT = 500
SANDBOX_BATCH = BatchSettings(budget=30, golden_per_batch=2)


def run(folder: Path, *, sandbox: bool, source: str | None, weights: str) -> Iterator[str]:
    """Make a project of a folder; tells what was found and written. A second time it only completes what is missing.

    Raises:
        ConfigError: If `source` is nothing that images come from.
    """
    config = folder / CONFIG_NAME
    if config.is_file():
        yield f"{config} is there and stays as it is"
    else:
        settings, said = _propose(folder, sandbox=sandbox, source=source, weights=weights)
        yield from said
        write_bytes(config, render(settings).encode())
        yield f"wrote {config}"
    settings = load_settings(config)
    home = Home.of(config, settings.media_root)
    yield from _write_dagster_home(home.root / "dagster")
    yield from environment.write(folder / ".env", home.root / "dagster")
    home.dataset_uuid()
    if settings.sandbox == "replay" and settings.source.path == SCENES.as_posix():
        scenes = write_scenes(folder / SCENES, count=SCENE_COUNT, seed=settings.seed)
        yield f"drew {scenes.images} scenes in {folder / SCENES}"
    yield "next: dagster job execute -m labelloop.definitions -j prepare_pool"


def _propose(folder: Path, *, sandbox: bool, source: str | None, weights: str) -> tuple[Settings, tuple[str, ...]]:
    """The settings of a new project, and what was found out for them."""
    if not source:
        return _scene_settings(weights) if sandbox else Settings(train=_train(weights)), ()
    proposal = propose(source, folder, sandbox=sandbox)
    train = _train(weights, imgsz=320, epochs_first=12, epochs=12, batch=8) if sandbox else _train(weights)
    mode = {"sandbox": "replay", "batch": SANDBOX_BATCH} if sandbox else {}
    loop = LoopSettings(autostart=sandbox)
    return Settings.model_validate({**proposal.values, **mode, "train": train, "loop": loop}), proposal.said


def _scene_settings(weights: str) -> Settings:
    return Settings(
        name="digits",
        source=SourceSettings(type="voc", path=SCENES.as_posix()),
        sandbox="replay",
        batch=BatchSettings(budget=40, golden_per_batch=2),
        train=_train(weights or "labelloop:digits", imgsz=160, epochs_first=20, epochs=15, batch=8, fliplr=0.0),
        loop=LoopSettings(autostart=True),
    )


def _train(weights: str, **values: float) -> TrainSettings:
    return TrainSettings.model_validate({**values, **({"weights": weights} if weights else {})})


def _write_dagster_home(folder: Path) -> Iterator[str]:
    """The Dagster home, and its note that the community dialog was seen, which would greet every new project."""
    folder.mkdir(parents=True, exist_ok=True)
    if not (folder / "dagster.yaml").is_file():
        shutil.copyfile(Path(__file__).with_name("dagster.yaml"), folder / "dagster.yaml")
        write_bytes(folder / ".nux" / "nux.yaml", b"seen: 1\n")
        yield f"wrote {folder}"
