"""The final report on test in plain files: results by iteration, and the history of who looked."""

import getpass
from collections.abc import Collection, Iterable, Mapping
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any

import pandas as pd

from labelloop.adapters.fiftyone.annotation import show_taken
from labelloop.adapters.fiftyone.dataset import LoopDataset
from labelloop.adapters.fiftyone.evaluation import show_evaluation, show_predictions
from labelloop.core.annotation import content_hash
from labelloop.core.errors import LabelError, MissingStateError
from labelloop.core.vocabulary import SOURCE, TEST, Split, eval_key, final_name, iteration_number
from labelloop.resources import app
from labelloop.resources.labelled import Labelled, labelled_test
from labelloop.resources.outgoing import damaged_images
from labelloop.resources.project import Project
from labelloop.resources.shown import show_version

FINAL = "final"  # kind of the records: one for each iteration, and the history
HISTORY = "history"
PREDICTIONS = "final_predictions"
AUTHOR_TAGS = ("author", "user")  # what people write into the tags of a run
LAUNCHER_TAGS = ("dagster/sensor_name", "dagster/schedule_name", "dagster/backfill")
BOX = ["sample_id", "label", "x1", "y1", "x2", "y2"]


@dataclass(frozen=True)
class Look:
    """Somebody was told how good a model is on test.

    Attributes:
        when: Local time.
        user: Who owns the process of the run.
        author: What the run's tag `author` or `user` says; empty without one.
        launched_by: Sensor, schedule or backfill; empty where a person started the run.
        run: Id of the Dagster run.
        iteration: Whose model it was.
        model: Content name of the model.
        labels: Revision of the labels of test.
        evaluated: Whether the model was run on test for this; otherwise the recorded figures were shown.
    """

    when: str
    user: str
    author: str
    launched_by: str
    run: str
    iteration: str
    model: str
    labels: str
    evaluated: bool


def model_of(now: Project, wanted: str) -> tuple[str, dict[str, Any]]:
    """The iteration that is asked for, or the newest that has a model, and the record of its model.

    Raises:
        LabelError: If `wanted` is not an iteration.
        MissingStateError: If it has no model, or there is none at all.
    """
    if wanted:
        iteration_number(wanted)
        return wanted, now.ledger.read("models", wanted)
    for iteration in reversed(now.ledger.iterations()):
        record = now.ledger.read_or_none("models", iteration)
        if record is not None:
            return iteration, record
    raise MissingStateError("There is no model to report on", "Run the job label_loop first.")


def manifest(now: Project) -> pd.DataFrame:
    """The images of test that need labels, as a manifest: fixed when the report is first asked for.

    Raises:
        LabelError: If no image is held out for test.
    """
    if not now.ledger.in_split(Split.TEST):
        raise LabelError("No image is held out for test", "Splits are cut once: splits.test has to be set before that.")
    if now.ledger.read_or_none("batches", TEST) is None:
        known = set(labelled_test(now).reviewed)
        wanted = [sample_id for sample_id in now.ledger.in_split(Split.TEST) if sample_id not in known]
        rows = [
            {"rank": rank, "sample_id": sample_id, "source": str(Split.TEST), "score": 0.0, "reason": "final report"}
            for rank, sample_id in enumerate(wanted, start=1)
        ]
        now.ledger.write("batches", TEST, {"rows": rows})
    return now.ledger.manifest(TEST)


def revision_of(truth: Labelled) -> str:
    """Revision of the labels of test, wherever each of them is from."""
    boxes = truth.boxes[BOX].sort_values(BOX, kind="stable")
    return content_hash([list(truth.reviewed), boxes.to_numpy().tolist()])


def reported(now: Project) -> list[str]:
    """Iterations that have a final report, in order."""
    return [name for name in now.ledger.iterations() if now.ledger.read_or_none(FINAL, name)]


def recorded(now: Project, iteration: str, model: str, labels: str) -> dict[str, Any] | None:
    """The result of a model for these labels, if it was evaluated on them."""
    results = (now.ledger.read_or_none(FINAL, iteration) or {"results": []})["results"]
    return next((dict(result) for result in results if (result["model"], result["labels"]) == (model, labels)), None)


def newest(now: Project, iteration: str) -> dict[str, Any]:
    """The result of an iteration that was told last."""
    return dict(now.ledger.read(FINAL, iteration)["results"][-1])


def predictions_of(now: Project, result: Mapping[str, Any]) -> pd.DataFrame:
    """What the model of a result predicted on test: sample_id, label, x1, y1, x2, y2, score."""
    return now.ledger.predictions(_key(result), f"{PREDICTIONS}/{result['iteration']}")


def save_predictions(now: Project, result: Mapping[str, Any], predictions: pd.DataFrame) -> None:
    """Keep the predictions of a result; to be called before `record`, which says that they are there."""
    now.ledger.save_predictions(_key(result), predictions, f"{PREDICTIONS}/{result['iteration']}")


def record(now: Project, result: Mapping[str, Any]) -> None:
    """Keep a result beside earlier ones of its iteration, as the one that was told last."""
    stored = (now.ledger.read_or_none(FINAL, result["iteration"]) or {"results": []})["results"]
    others = [other for other in stored if _key(other) != _key(result)]
    now.ledger.write(FINAL, result["iteration"], {"results": [*others, dict(result)]})


def looked(now: Project, run: str, tags: Mapping[str, str], result: Mapping[str, Any], *, evaluated: bool) -> None:
    """Append to the history who was told a result."""
    look = Look(
        when=datetime.now().astimezone().isoformat(timespec="seconds"),
        user=_user(),
        author=next((tags[name] for name in AUTHOR_TAGS if tags.get(name)), ""),
        launched_by=next((tags[name] for name in LAUNCHER_TAGS if tags.get(name)), ""),
        run=run,
        iteration=result["iteration"],
        model=result["model"],
        labels=result["labels"],
        evaluated=evaluated,
    )
    now.ledger.write(FINAL, HISTORY, {"looks": [*_looks(now), asdict(look)]})


def history(now: Project) -> pd.DataFrame:
    """Who looked at test, newest first."""
    return pd.DataFrame(_looks(now)[::-1], columns=list(Look.__dataclass_fields__))


def left_out(now: Project) -> dict[str, str]:
    """Images of test that are not scored, each with the reason: damaged ones, and those without labels that count."""
    known = set(labelled_test(now).reviewed)
    removed = now.ledger.label_version(TEST).removed if now.ledger.has_labels(TEST) else ()
    found = damaged_images(now, now.ledger.in_split(Split.TEST))
    for sample_id in set(now.ledger.in_split(Split.TEST)) - known - found.keys():
        why = "its frame was removed in CVAT" if sample_id in removed else "it has no labels that count"
        found[sample_id] = why
    return dict(sorted(found.items()))


def truth_images(now: Project) -> set[str]:
    """Images of test whose labels are shown: none before somebody was told a result."""
    return set(labelled_test(now).reviewed) if reported(now) else set()


def in_no_task(now: Project) -> Labelled:
    """Labels of test that no task of CVAT holds: they came with a source that is trusted."""
    known = labelled_test(now)
    return known.of(_in_no_task(now, known.reviewed))


def show_truth(now: Project, loop: LoopDataset, only: Collection[str] | None = None) -> None:
    """The labels of test, or of some of its images, over those of the source; those drawn in the App are there."""
    truth = labelled_test(now)
    if app.is_in_app(now, TEST):
        show_taken(loop, TEST, truth.reviewed)
        return
    wanted = set(truth.reviewed) if only is None else set(only).intersection(truth.reviewed)
    own, trusted = wanted & _complete(now, TEST), _in_no_task(now, wanted)
    loop.forget_labels(trusted)  # labels that are in no task must not say that they are from one
    loop.show_labels(TEST, truth.boxes, now.ledger.samples(), truth.reviewed, trusted)
    if own:
        show_version(now, loop, TEST, now.ledger.label_version(TEST), truth.reviewed, own)


def show_result(now: Project, loop: LoopDataset, iteration: str) -> None:
    """What a model predicted on test, and how it matches the labels that are shown."""
    name, result = final_name(iteration), newest(now, iteration)
    reviewed = [each for each in labelled_test(now).reviewed if each not in result.get("left_out", {})]
    show_predictions(loop, name, predictions_of(now, result), now.ledger.samples(), reviewed)
    show_evaluation(loop, name, reviewed, now.settings.evaluate.iou)
    loop.write_info(eval_key(name), {key: result[key] for key in ("map50", "map50_95", "model", "labels")})


def _in_no_task(now: Project, sample_ids: Iterable[str]) -> set[str]:
    return set(sample_ids) - _complete(now, TEST) - _complete(now, SOURCE)


def _complete(now: Project, batch: str) -> set[str]:
    """Images of which a batch says all that is on them."""
    if not now.ledger.has_labels(batch):
        return set()
    version = now.ledger.label_version(batch)
    return set(version.reviewed).difference(version.incomplete)


def _key(result: Mapping[str, Any]) -> str:
    return content_hash([result["model"], result["labels"]])


def _looks(now: Project) -> list[dict[str, Any]]:
    return list((now.ledger.read_or_none(FINAL, HISTORY) or {"looks": []})["looks"])


def _user() -> str:
    try:
        return getpass.getuser()
    except (KeyError, OSError):  # a container may run as a number without a name
        return "unknown"
