"""What is settled before anything goes out to CVAT: labels, people, and images that it would not take."""

from collections.abc import Iterable, Mapping
from typing import Any

import pandas as pd

from labelloop.adapters.images import is_as_registered
from labelloop.core.errors import ConfigError, MissingStateError
from labelloop.core.label_spec import LabelSpec
from labelloop.core.vocabulary import ITERATION_PATTERN, SUBSETS, Split, iteration_number
from labelloop.resources.project import Project
from labelloop.resources.tables import table

MOST_SHOWN = 5
MOST_PIXELS = 65_500  # of a side: CVAT shows annotators a JPEG


def label_specs(project: Project) -> list[LabelSpec]:
    """The labels of the CVAT project: every class, and the image classes that `annotation.labels` speaks of.

    Raises:
        ConfigError: If it speaks of something that is no class.
    """
    schema, described = project.ledger.schema(), project.settings.annotation.labels
    known = {schema.current(name): settings.spec(schema.current(name)) for name, settings in described.items()}
    extra = [name for name in project.settings.image_classes if name in known and name not in schema.classes]
    strangers = sorted(known.keys() - {*schema.classes, *extra})
    if strangers:
        raise ConfigError(
            f"annotation.labels describes {', '.join(strangers)}, which is no class of the project: "
            f"{', '.join([*schema.classes, *project.settings.image_classes])}",
            f"Correct it in {project.config}.",
        )
    return [known.get(name, LabelSpec(name)) for name in [*schema.classes, *extra]]


def subset_of(project: Project, split: Split) -> str:
    """Name of the CVAT subset for a split."""
    own: dict[Any, str] = dict(project.settings.annotation.subsets)
    return own.get(str(split), SUBSETS[split])


def unfit_images(project: Project, sample_ids: Iterable[str]) -> dict[str, str]:
    """Images that CVAT would not take, or that are not what they were when they were registered: reason by sample.

    CVAT fails a whole task for one damaged image, and cannot be told to leave it out.
    """
    wanted = list(sample_ids)
    samples = project.ledger.samples().set_index("sample_id").loc[wanted]
    large = samples[samples[["width", "height"]].max(axis=1) > MOST_PIXELS]
    return damaged_images(project, wanted) | {
        str(each.Index): f"{project.home.locate(each.path)} has {each.width} x {each.height} pixels, and CVAT takes "
        f"{MOST_PIXELS} on a side"
        for each in large.itertuples()
    }


def damaged_images(project: Project, sample_ids: Iterable[str]) -> dict[str, str]:
    """Images that are gone, or not what they were when they were registered: reason by sample."""
    paths = project.ledger.samples().set_index("sample_id")["path"]
    found = {}
    for sample_id in sample_ids:
        path = project.home.locate(paths[sample_id])
        if not path.is_file():
            found[sample_id] = f"{path} is gone"
        elif not is_as_registered(path, sample_id):
            found[sample_id] = f"{path} is not what it was when it was registered"
    return found


def left_out(project: Project, batch: str) -> dict[str, str]:
    """Images that were chosen for a batch and are not in it, each with the reason."""
    return dict((project.ledger.read_or_none("batches", batch) or {}).get("left_out", {}))


def leave_out_unfit(project: Project, batch: str) -> None:
    """Take such images from the rows of a batch, as far as they were not sent, and note why they are not in it.

    Raises:
        MissingStateError: If nothing would remain.
    """
    record = project.ledger.read("batches", batch)
    unfit = unfit_images(project, unsent(project, batch, (row["sample_id"] for row in record["rows"])))
    if unfit:
        rows = [row for row in record["rows"] if row["sample_id"] not in unfit]
        if not rows:
            raise all_unfit(batch, unfit)
        project.ledger.write("batches", batch, {**record, "rows": rows, "left_out": left_out(project, batch) | unfit})


def all_unfit(what: str, unfit: Mapping[str, str]) -> MissingStateError:
    """The error that no image can be sent: an empty batch would count as one that people are done with."""
    return MissingStateError(
        f"None of the {len(unfit)} images of {what} can be sent: {'; '.join(list(unfit.values())[:MOST_SHOWN])}",
        "Put the files back as they were, and run the same again.",
    )


def told_of_left_out(unfit: Mapping[str, str]) -> dict[str, Any]:
    """Images that were chosen and are damaged or gone: one of them would fail a whole task of CVAT."""
    rows = pd.DataFrame({"sample_id": list(unfit), "reason": list(unfit.values())})
    return {"chosen, not sent": table(rows)} if unfit else {}


def unsent(project: Project, batch: str, sample_ids: Iterable[str]) -> list[str]:
    """Those of these images that are in no task of a batch yet, as far as is noted here."""
    tasks = (project.ledger.read_or_none("tasks", batch) or {"tasks": []})["tasks"]
    sent = {sample_id for task in tasks for sample_id in task.get("frames", {}).values()}
    cut = (project.ledger.read_or_none("cuts", batch) or {}).values()
    sent |= {sample_id for part in cut if part.get("is_sent") for sample_id in part["sample_ids"]}
    return [sample_id for sample_id in sample_ids if sample_id not in sent]


def refuse_unfit(project: Project, batch: str, sample_ids: Iterable[str]) -> None:
    """Refuse to send a batch with such images, before anything of it is on the server.

    What was sent before is on the server, and is not looked at again.

    Raises:
        MissingStateError: If there are any; names the files.
    """
    everything = list(sample_ids)
    waiting = unsent(project, batch, everything)
    unfit = unfit_images(project, waiting)
    if unfit:
        there = len(everything) - len(waiting)
        rest = f"none of the {len(waiting)} was that are in no task yet ({there} are)" if there else "nothing was"
        some = "; ".join(f"{reason} (sample {sample_id})" for sample_id, reason in list(unfit.items())[:MOST_SHOWN])
        more = f"; and {len(unfit) - MOST_SHOWN} more" if len(unfit) > MOST_SHOWN else ""
        raise MissingStateError(
            f"{len(unfit)} images of {batch} cannot be sent, so {rest}: {some}{more}",
            "Put the files back as they were; or `labelloop reset --from` that iteration, whose new batch leaves "
            "them out.",
        )


def first_turn(batch: str) -> int:
    """Whose turn it is with the first job of a batch: one further with each iteration."""
    return iteration_number(batch) if ITERATION_PATTERN.fullmatch(batch) else 0
