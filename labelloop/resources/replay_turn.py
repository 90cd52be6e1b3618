"""One arm of a replay: choose, label, train, measure, turn by turn; killed, it goes on after the last finished turn."""

from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from labelloop.adapters.yolo import environment
from labelloop.core.failures import image_errors
from labelloop.core.replay import RANDOM, Arm, Plan
from labelloop.core.vocabulary import Split
from labelloop.resources.choosing import Choice, choose_batch
from labelloop.resources.detector import DetectorResource, Log, Recipe
from labelloop.resources.labelled import Labelled, labelled_test
from labelloop.resources.lesson import lesson, measure
from labelloop.resources.replay import Replay, answer, answer_held_out, prepare, score
from labelloop.settings.model import Settings

POOL, START = "pool", "start"


class ReplayDetector(DetectorResource):
    """The detector of the loop on one core, so that figures do not depend on how many there are."""

    def settle(self, now: Replay) -> None:
        """Before anything is computed in a process."""
        environment.prepare(now.home.root / "ultralytics")
        environment.use_one_core()


@dataclass(frozen=True)
class Study:
    """A replay of a project: what is asked, and where it lies.

    Attributes:
        config: labelloop.yaml of the project.
        settings: What it says.
        folder: Everything that comes of it.
        plan: What is asked.
        detector: What learns.
    """

    config: Path
    settings: Settings
    folder: Path
    plan: Plan
    detector: type[ReplayDetector] = ReplayDetector

    def pool(self) -> Replay:
        """The images, their splits and vectors: the same for all seeds and arms."""
        return Replay(self.config, self.settings, self.folder / POOL)

    def start(self, seed: int) -> Replay:
        """The first turn of a seed, which all of its arms share."""
        return Replay(self.config, self._seeded(seed), self.folder / f"seed-{seed}" / START)

    def replay(self, seed: int, arm: Arm) -> Replay:
        """An arm of a seed."""
        settings = self._seeded(seed)
        batch = settings.batch.model_copy(update={"class_balanced": arm.class_balanced, "strategy": arm.strategy})
        settings = settings.model_copy(update={"batch": batch})
        return Replay(self.config, settings, self.folder / f"seed-{seed}" / arm.name, arm.stream)

    def _seeded(self, seed: int) -> Settings:
        return self.settings.model_copy(update={"seed": self.settings.seed + seed})


def prepare_pool(study: Study, log: Log) -> None:
    """What all seeds share."""
    prepare(study.pool(), log)


def run_start(study: Study, seed: int, log: Log) -> None:
    """The first turn of a seed: a batch drawn at random."""
    now, detector = study.start(seed), study.detector()
    if not now.home.root.is_dir():
        now.begin_from(study.pool())
    with now.alone("replay", log):
        detector.settle(now)
        if not now.ledger.has_zcore():
            score(now)
        answer_held_out(now)
        _turn(now, detector, RANDOM, "v0", study.plan.budgets[0], log)


def run_arm(study: Study, seed: int, arm: Arm, log: Log) -> None:
    """All later turns of an arm."""
    now, detector = study.replay(seed, arm), study.detector()
    if not now.home.root.is_dir():
        now.begin_from(study.start(seed))
    with now.alone("replay", log):
        detector.settle(now)
        for iteration, budget in list(zip(study.plan.iterations, study.plan.budgets, strict=True))[1:]:
            _turn(now, detector, arm, iteration, budget, log)


def examined(now: Replay) -> Labelled:
    """What models are measured by: test, which no strategy sees; failures on val steer some, so val would flatter."""
    return labelled_test(now) if now.ledger.in_split(Split.TEST) else measure(now).data


def _turn(now: Replay, detector: ReplayDetector, arm: Arm, iteration: str, budget: int, log: Log) -> None:
    if now.ledger.read_or_none("reports", iteration) is not None:
        return
    if now.ledger.read_or_none("batches", iteration) is None:
        rows = choose_batch(now, detector, Choice(iteration, arm.strategy, str(budget)), log)
        now.ledger.write("batches", iteration, {"rows": rows.to_dict("records"), "strategy": arm.name})
    answer(now, iteration, now.ledger.manifest(iteration)["sample_id"])
    learns = lesson(now, iteration)
    recipe = Recipe.of(now, iteration, learns.data, learns.classes, epochs=0, imgsz=0)
    detector.train(now, recipe, learns.data, log)
    now.ledger.write(
        "models", iteration,
        {"model": recipe.digest, "labels_used": len(learns.data.reviewed), "schema_version": learns.version},
    )  # fmt: skip
    _measure(now, detector, iteration, recipe.digest, learns.data, log)


def _measure(now: Replay, detector: ReplayDetector, iteration: str, model: str, data: Labelled, log: Log) -> None:
    truth, settings = measure(now).data, now.settings.evaluate
    found = detector.predict(now, model, truth.reviewed, log)
    errors = image_errors(truth.boxes, found, truth.reviewed, min_iou=settings.iou, confidence=settings.confidence)
    metrics = detector.evaluate(now, model, examined(now))
    shown = data.boxes["label"].value_counts().sort_index()
    now.ledger.write(
        "reports", iteration,
        metrics.figures() | {
            "iteration": iteration, "model": model, "labels_used": len(now.ledger.selected()),
            "boxes": len(data.boxes), "boxes_by_class": {str(name): int(count) for name, count in shown.items()},
            "errors": errors.to_dict("records"),
        },
    )  # fmt: skip


def points(study: Study) -> pd.DataFrame:
    """What was measured so far: arm, seed, labels, map50, map50_95, boxes; the first turn stands for every arm."""
    rows = []
    for seed in range(study.plan.seeds):
        first = study.start(seed).ledger.read_or_none("reports", "v0")
        for arm in study.plan.arms:
            ledger = study.replay(seed, arm).ledger
            reports = [first, *(ledger.read_or_none("reports", name) for name in study.plan.iterations[1:])]
            rows += [
                (arm.name, seed, labels, report["map50"], report["map50_95"], report["boxes"])
                for labels, report in zip(study.plan.labels, reports, strict=True)
                if report is not None
            ]
    return pd.DataFrame(rows, columns=["arm", "seed", "labels", "map50", "map50_95", "boxes"])
