"""`labelloop init`: everything a project needs before its first job, and nothing it has to be asked for."""

import os
import shutil
from collections.abc import Iterator
from pathlib import Path

from labelloop.adapters.files.atomic import write_bytes
from labelloop.adapters.files.home import Home
from labelloop.core.errors import ConfigError
from labelloop.sandbox.scenes.dataset import write_scenes
from labelloop.settings.model import (
    BatchSettings,
    LoopSettings,
    Settings,
    SourceSettings,
    TrainSettings,
)
from labelloop.settings.yaml_file import CONFIG_NAME, load_settings, render

SCENES = Path(".labelloop/sandbox/scenes")
SCENE_COUNT = 500


def run(folder: Path, *, sandbox: bool, source: Path | None, weights: str) -> Iterator[str]:
    """Make a project of a folder; tells what was written. A second time it only completes what is missing.

    Raises:
        ConfigError: If `source` is not a folder.
    """
    config = folder / CONFIG_NAME
    if config.is_file():
        yield f"{config} is there and stays as it is"
    else:
        settings = _propose(folder, sandbox=sandbox, source=source, weights=weights)
        write_bytes(config, render(settings).encode())
        yield f"wrote {config}"
    settings = load_settings(config)
    home = Home.of(config, settings.media_root)
    yield from _write_dagster_home(home.root / "dagster")
    yield from _write_environment(folder / ".env", home.root / "dagster")
    home.dataset_uuid()
    if settings.sandbox == "replay" and settings.source.path == SCENES.as_posix():
        scenes = write_scenes(folder / SCENES, count=SCENE_COUNT, seed=settings.seed)
        yield f"drew {scenes.images} scenes in {folder / SCENES}"
    yield "next: dagster job execute -m labelloop.definitions -j prepare_pool"


def _propose(folder: Path, *, sandbox: bool, source: Path | None, weights: str) -> Settings:
    if source is None:
        return _scene_settings(weights) if sandbox else Settings(train=_train(weights))
    path = Path(os.path.relpath(source, folder)).as_posix() if not source.is_absolute() else source.as_posix()
    return Settings(
        source=_recognise(source, path),
        sandbox="replay" if sandbox else "off",
        train=_train(weights, imgsz=320, epochs_first=12, epochs=12, batch=8) if sandbox else _train(weights),
        batch=BatchSettings(budget=30, golden_per_batch=2) if sandbox else BatchSettings(),
        loop=LoopSettings(autostart=sandbox),
    )


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


def _recognise(source: Path, path: str) -> SourceSettings:
    """What kind of data set lies in a folder: Pascal VOC where XML files stand beside an image folder."""
    if not source.is_dir():
        raise ConfigError(f"--from: {source} is not a folder", "Name the folder of your images.")
    for images, annotations, splits in (
        ("images", "annotations", "splits"),
        ("JPEGImages", "Annotations", "ImageSets/Main"),
    ):
        if (source / images).is_dir() and any((source / annotations).glob("*.xml")):
            return SourceSettings(type="voc", path=path, images=images, annotations=annotations, splits=splits)
    return SourceSettings(type="folder", path=path)


def _write_dagster_home(folder: Path) -> Iterator[str]:
    """The Dagster home, and its note that the community dialog was seen, which would greet every new project."""
    folder.mkdir(parents=True, exist_ok=True)
    if not (folder / "dagster.yaml").is_file():
        shutil.copyfile(Path(__file__).with_name("dagster.yaml"), folder / "dagster.yaml")
        write_bytes(folder / ".nux" / "nux.yaml", b"seen: 1\n")
        yield f"wrote {folder}"


def _write_environment(path: Path, dagster_home: Path) -> Iterator[str]:
    """`.env`, which Dagster reads in its working folder; other lines in it stay."""
    wanted = f"DAGSTER_HOME={dagster_home}"
    lines = path.read_text(encoding="utf-8").splitlines() if path.is_file() else []
    kept = [line for line in lines if not line.startswith("DAGSTER_HOME=")]
    if [*kept, wanted] != lines:
        write_bytes(path, "\n".join([*kept, wanted, ""]).encode())
        yield f"wrote {path}"
