"""Replays on a few scenes, with a detector that needs no network."""

from pathlib import Path
from typing import Any

from labelloop.core.replay import plan_of
from labelloop.resources.replay import Replay
from labelloop.resources.replay_turn import ReplayDetector, Study, prepare_pool, run_arm, run_start
from labelloop.sandbox.scenes import write_scenes
from labelloop.settings.model import Settings
from labelloop.settings.yaml_file import load_settings, render
from labelloop_tests.fakes import MemorisingDetector

SETTINGS = {
    "source": {"type": "voc", "path": "scenes"}, "zcore": {"n_sample": 200}, "splits": {"val": 10, "test": 8},
    "train": {"weights": "yolov8n.yaml", "device": "cpu"},
}  # fmt: skip


class Memorising(MemorisingDetector, ReplayDetector):
    """It computes nothing, so cores do not matter; it is less sure of what is further left."""

    def settle(self, now: Replay) -> None:
        pass

    def predict(self, now, model, sample_ids, log, *, confidence=None):
        found = super().predict(now, model, sample_ids, log)
        return found.assign(score=0.3 + 0.6 * (found["x1"] % 64) / 64)


def config_in(folder: Path, scenes: int = 60, **changes: Any) -> Path:
    """A labelloop.yaml beside labelled scenes."""
    folder.mkdir(parents=True, exist_ok=True)
    write_scenes(folder / "scenes", count=scenes, seed=5)
    config = folder / "labelloop.yaml"
    config.write_text(render(Settings.model_validate(SETTINGS | changes)), encoding="utf-8")
    return config


def study_in(folder: Path, strategies: str, labels: str = "6,12", seeds: int = 2, **changes: Any) -> Study:
    config = config_in(folder, **changes)
    return Study(config, load_settings(config), folder / "out", plan_of(strategies, seeds, labels), Memorising)


def follow(study: Study) -> None:
    """All of it in this process."""
    prepare_pool(study, lambda _: None)
    for seed in range(study.plan.seeds):
        run_start(study, seed, lambda _: None)
        for arm in study.plan.arms:
            run_arm(study, seed, arm, lambda _: None)


def records(study: Study) -> dict[str, bytes]:
    """What every arm chose and what came of it, by file."""
    found = [path for kind in ("batches", "reports") for path in study.folder.glob(f"seed-*/*/{kind}/*.json")]
    return {path.relative_to(study.folder).as_posix(): path.read_bytes() for path in sorted(found)}
