"""What came of a replay: a table, curves, and a JSON that the check `selection_helps` reads."""

from collections.abc import Sequence
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import pandas as pd

from labelloop.adapters.files import atomic
from labelloop.adapters.report.replay_curves import replay_curves_png
from labelloop.adapters.yolo.weights import fingerprint, resolve_weights
from labelloop.core.annotation import content_hash
from labelloop.core.errors import ConfigError, LabelError
from labelloop.core.replay import AGAIN, RANDOM, arm_name, widened
from labelloop.core.replay_statistics import RULE, areas, compare
from labelloop.core.replay_table import as_markdown
from labelloop.core.strategies.table import CHOOSING
from labelloop.core.vocabulary import Split
from labelloop.resources.project import Project
from labelloop.resources.replay_turn import Study, points
from labelloop.settings.model import Settings

REQUEST, RESULT, TABLE, CURVES = "request.json", "result.json", "table.md", "curves.png"
LOCKS = "locks"  # in the folder of a study, there before its request
OF_A_PROJECT = Path("benchmark") / RESULT  # in its home
# What neither the images nor the models depend on, and what a replay sets itself.
IDLE = {
    "name", "media_root", "trust_source_labels", "sandbox", "annotation", "relabel_for", "image_classes", "loop",
    "stop", "checks", "annotators", "compute", "near_duplicates",
}  # fmt: skip
IDLE_OF = {
    "batch": {"budget", "strategy", "class_balanced", "golden_per_batch"},
    "train": {"device", "workers", "cache", "older_labels"},
    "embeddings": {"device", "batch_size", "precision", "patches"},
}  # fmt: skip


def identity(settings: Settings) -> dict[str, Any]:
    """The settings that decide what a replay gives."""
    plain = {**settings.model_dump(mode="json", exclude=IDLE), "choosing": CHOOSING}
    return {
        key: {name: each for name, each in value.items() if name not in IDLE_OF[key]} if key in IDLE_OF else value
        for key, value in plain.items()
    }


def require_same_request(study: Study) -> dict[str, Any]:
    """Refuse to mix turns of other settings, images or numbers of labels; more seeds and strategies may be added.

    Returns:
        What is asked for, which names the checkpoint by a hash of its file.

    Raises:
        ConfigError: If the folder holds a replay of something else; names what differs.
    """
    path, wanted = study.folder / REQUEST, _request(study)
    if not path.is_file():
        if study.folder.is_dir() and {each.name for each in study.folder.iterdir()} - {LOCKS}:
            raise ConfigError(f"{study.folder} holds something else than a benchmark", "Name another folder: --out.")
        return wanted
    before = atomic.read_json(path, "")
    differs = [key for key, value in wanted.items() if before.get(key) != value]
    if differs:
        told = "; ".join(f"{key} was {before.get(key)} and is {wanted[key]}" for key in differs)
        raise ConfigError(f"{study.folder} holds a benchmark of other settings: {told}", "Name another folder: --out.")
    return wanted


def keep_request(study: Study) -> None:
    """Note what is replayed in the folder. Only under its lock: of two commands at once the second is refused.

    Raises:
        ConfigError: As `require_same_request`.
    """
    wanted = require_same_request(study)
    if not (study.folder / REQUEST).is_file():
        atomic.write_json(study.folder / REQUEST, wanted)


def _request(study: Study) -> dict[str, Any]:
    start = fingerprint(resolve_weights(study.settings.train.weights, study.config.parent))
    return {**identity(study.settings), "labels": list(study.plan.labels), "start": start}


def require_enough_images(study: Study) -> None:
    """Refuse to label more images than the pool has, or to measure by none.

    Raises:
        LabelError: Names both numbers.
    """
    splits = study.pool().ledger.splits()["split"].value_counts()
    wanted, there = study.plan.labels[-1], int(splits.get(Split.POOL, 0))
    if wanted > there:
        raise LabelError(f"--budget ends at {wanted} labelled images, the pool has {there}", "Ask for fewer.")
    if not splits.get(Split.VAL, 0):
        raise LabelError("No image is held out as val, whose failures steer hybrid", "Set splits.val.")


def write_result(study: Study) -> dict[str, Any]:
    """Write what is measured so far, also what earlier commands measured; returns the JSON."""
    seeds = sorted(study.folder.glob("seed-*"))
    arms = {path.name for seed in seeds for path in seed.iterdir() if path.is_dir()}
    study = replace(study, plan=widened(study.plan, arms, len(seeds)))
    found = points(study)
    result = _result(study, found)
    atomic.write_json(study.folder / RESULT, result)
    atomic.write_bytes(study.folder / TABLE, as_markdown(result).encode())
    if len(found):
        atomic.write_bytes(study.folder / CURVES, replay_curves_png(found, RANDOM.name, AGAIN.name))
    return result


def judged(found: pd.DataFrame, labels: Sequence[int]) -> dict[str, Any]:
    """What a result says of its points: every strategy against random by both metrics, and by which rule."""
    return {
        "rule": RULE,
        "comparisons": [asdict(each) for each in compare(found, labels)],
        "comparisons_map50_95": [asdict(each) for each in compare(found, labels, "map50_95")],
    }


def keep_for_check(now: Project, result: dict[str, Any]) -> None:
    """Let the check of the project read the result."""
    atomic.write_json(now.home.root / OF_A_PROJECT, result)


def verdict_for(now: Project) -> tuple[bool, str]:
    """Whether the strategy of this project was found to help on its data, and the sentence that says so."""
    settings = now.settings
    arm = arm_name(settings.batch.strategy, class_balanced=settings.batch.class_balanced)
    remedy = f"run `labelloop benchmark --strategies {arm}` (labelled data needed)"
    if arm == RANDOM.name:
        return True, "batches are drawn at random: what every strategy is compared with"
    path = now.home.root / OF_A_PROJECT
    if not path.is_file():
        return False, f"not measured yet: {remedy}"
    result = atomic.read_json(path, remedy)
    if result["settings"] != content_hash(identity(settings)):
        return False, f"not measured yet with the settings of now: {remedy}"
    if result.get("rule") != RULE:  # judged by an earlier labelloop: its points are what counts
        result |= judged(pd.DataFrame(result["points"]), result["labels"])
    own = next((each for each in result["comparisons"] if each["arm"] == arm), None)
    if own is None:
        return False, f"{arm} was not measured yet: {remedy}"
    told = f"{own['gain']:+.3f} mAP50 against random ({own['low']:+.3f} to {own['high']:+.3f}, {own['seeds']} seeds)"
    return own["verdict"] == "helps", f"{arm} {own['verdict']}: {told}, noise floor {own['floor']:.3f}"


def _result(study: Study, found: pd.DataFrame) -> dict[str, Any]:
    plan, splits = study.plan, pd.Series(dtype=str)
    if study.pool().ledger.has_splits():
        splits = study.pool().ledger.splits()["split"]
    return {
        "settings": content_hash(identity(study.settings)),
        "source": [f"{each.type} {Path(each.path).name}" for each in study.settings.all_sources],
        "images": {str(name): int(count) for name, count in splits.value_counts().sort_index().items()},
        "measured_on": str(Split.TEST if (splits == Split.TEST).any() else Split.VAL),
        "embeddings": study.settings.embeddings.recipe,
        "train": study.settings.train.model_dump(mode="json", exclude={"device", "workers", "cache", "weights"}),
        "labels": list(plan.labels), "seeds": plan.seeds, "arms": [arm.name for arm in plan.arms],
        "points": found.to_dict("records"),
        "areas": _areas(found, plan.labels),
        **judged(found, plan.labels),
    }  # fmt: skip


def _areas(found: pd.DataFrame, labels: tuple[int, ...]) -> dict[str, list[float | None]]:
    """Area of every arm, by seed."""
    if found.empty:
        return {}
    plain = areas(found, labels).astype(object)
    return {str(arm): list(plain[arm].where(plain[arm].notna(), None)) for arm in plain.columns}
