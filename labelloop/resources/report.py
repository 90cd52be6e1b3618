"""The report of a project, told from its plain files."""

from datetime import datetime

import pandas as pd

from labelloop.adapters.files.atomic import write_bytes
from labelloop.adapters.files.ledger import HOLDOUT
from labelloop.adapters.report.page import render
from labelloop.adapters.report.story import Failure, Story
from labelloop.core.quality import class_table
from labelloop.core.vocabulary import HELD_OUT, Split
from labelloop.resources.final import newest, reported
from labelloop.resources.history import stop_sentence, turns
from labelloop.resources.labelled import labelled
from labelloop.resources.project import Project
from labelloop.resources.vectors import image_map

REPORT_NAME = "report.html"
FAILURES = 12


def write_report(now: Project, facts: list[tuple[str, str]]) -> str:
    """Write `report.html` into the home and return its path; `facts` go before the figures of the loop."""
    path = now.home.root / REPORT_NAME
    write_bytes(path, render(tell(now, facts)).encode())
    return str(path)


def tell(now: Project, facts: list[tuple[str, str]]) -> Story:
    """What the report shows."""
    done = turns(now)
    latest = [(f"{done[-1].map50:.3f}", "mAP50 on val"), (str(done[-1].labels_used), "labels used")] if done else []
    return Story(
        title=now.settings.name,
        made=datetime.now().astimezone().strftime("%Y-%m-%d %H:%M"),
        facts=[*latest, *_final(now), *facts],
        turns=done,
        class_counts=_class_counts(now),
        places=_places(now),
        failed_of=done[-1].iteration if done else "",
        failures=_failures(now, done[-1].iteration) if done else [],
        stopped=stop_sentence(now),
    )


def _final(now: Project) -> list[tuple[str, str]]:
    """The final report that was told of the newest iteration, and the images of test that it says nothing about."""
    if not reported(now):
        return []
    name = reported(now)[-1]
    result = newest(now, name)
    missing = result.get("left_out", {})
    told = "; ".join(f"{sample_id}: {reason}" for sample_id, reason in missing.items())
    facts = [(f"{result['map50']:.3f}", f"mAP50 on test ({name})")]
    return [*facts, (str(len(missing)), f"test images left out: {told}")] if missing else facts


def _class_counts(now: Project) -> pd.DataFrame:
    """Boxes of each class in the hold-out and in each batch."""
    names = [name for name in (HOLDOUT, *now.ledger.iterations()) if now.ledger.has_labels(name)]
    if not names:
        return pd.DataFrame()
    classes = now.ledger.schema().classes
    tables = {name: class_table(now.ledger.label_version(name).boxes, classes) for name in names}
    counts = {name: found.set_index(found.columns[0])["boxes"] for name, found in tables.items()}
    return pd.DataFrame(counts).fillna(0).astype(int).rename(columns={HOLDOUT: "hold-out"})


def _places(now: Project) -> pd.DataFrame:
    """Where each sample lies on the map, and the batch that chose it."""
    provider = now.settings.embeddings.provider
    if now.ledger.embedding_version(provider) is None or not now.ledger.has_splits():
        return pd.DataFrame()
    pool, held = set(now.ledger.in_split(Split.POOL)), set(now.ledger.in_split(*HELD_OUT))
    mapped = image_map(now)
    ids, points = mapped.ids, mapped.points
    group = dict.fromkeys(ids, "pool") | dict.fromkeys(held, "held out")
    for iteration in now.ledger.iterations():
        group |= {
            sample_id: iteration for sample_id in now.ledger.manifest(iteration)["sample_id"] if sample_id in pool
        }
    return pd.DataFrame({"x": points[:, 0], "y": points[:, 1], "group": [group[sample_id] for sample_id in ids]})


def _failures(now: Project, iteration: str) -> list[Failure]:
    errors = pd.DataFrame(now.ledger.read("reports", iteration)["errors"], columns=["sample_id", "tp", "fn", "fp"])
    errors = errors.assign(wrong=errors["fn"] + errors["fp"]).sort_values("sample_id")
    worst = errors[errors["wrong"] > 0].sort_values("wrong", ascending=False, kind="stable").head(FAILURES)
    samples = now.ledger.samples().set_index("sample_id")
    truth, found = labelled(now, []).boxes, now.ledger.predictions(iteration)
    return [
        Failure(
            path=now.home.locate(samples.loc[row.sample_id, "path"]),
            name=now.home.locate(samples.loc[row.sample_id, "path"]).name,
            size=(int(samples.loc[row.sample_id, "width"]), int(samples.loc[row.sample_id, "height"])),
            missed=int(row.fn),
            invented=int(row.fp),
            truth=truth[truth["sample_id"] == row.sample_id],
            predictions=found[found["sample_id"] == row.sample_id],
        )
        for row in worst.itertuples()
    ]
