"""Edits of the App that nobody brought to CVAT, kept before labels that are taken again are shown over them."""

from collections.abc import Callable

from labelloop.adapters.fiftyone.dataset import LoopDataset
from labelloop.adapters.fiftyone.edits import as_they_are
from labelloop.core.annotation import content_hash
from labelloop.core.errors import LabelError, MissingStateError
from labelloop.resources import app, repush
from labelloop.resources.app_edits import read_edits
from labelloop.resources.cvat import CvatResource
from labelloop.resources.dataset import DatasetResource
from labelloop.resources.project import Project

Say = Callable[[str], None]


def keep_unsent(
    now: Project, dataset: DatasetResource, cvat: CvatResource, batch: str, say: Say, warn: Say
) -> list[str]:
    """Keep what people changed in the App on labels of a batch since they were taken.

    Args:
        now: The project.
        dataset: FiftyOne.
        cvat: The connection.
        batch: A batch whose tasks are about to be taken.
        say: Where to tell what is waited for.
        warn: Where to tell what was kept.

    Returns:
        Names of what was kept in `backups/<batch>`, where `labelloop restore` lists what CVAT could hold.
    """
    if not now.ledger.has_labels(batch) or app.is_in_app(now, batch):
        return []
    server = cvat.server(now)
    with dataset.writing(now, say) as loop:
        try:
            edits = read_edits(now, loop, server, batch)
        except MissingStateError:  # no image shows these labels, so nobody changed them there
            return []
        except LabelError as error:
            return [_keep_as_shown(now, loop, batch, error, warn)]
    taken = now.ledger.contents(batch)[0]
    names = [repush.back_up(now, batch, each, "from-app") for each in edits.contents if each not in taken]
    if names:
        warn(
            f"Labels of {batch} were changed in the App and never brought to CVAT, whose labels are shown anew now. "
            f"They are kept: `labelloop restore {batch}` lists {', '.join(names)}"
        )
    return names


def _keep_as_shown(now: Project, loop: LoopDataset, batch: str, error: LabelError, warn: Say) -> str:
    shown = as_they_are(loop, now.ledger.label_version(batch).reviewed)
    name = f"in-app/shown-{content_hash(shown)}"
    now.ledger.write("backups", f"{batch}/{name}", shown)
    warn(
        f"Labels of {batch} were changed in the App in a way that CVAT cannot hold ({error.what}), and are shown anew "
        f"now. All labels as the App showed them are in {now.home.root / 'backups' / batch / name}.json"
    )
    return name
