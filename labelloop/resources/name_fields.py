"""Names of images as people know them, and the fields that `annotation.name_fields` takes from them."""

from labelloop.adapters.fiftyone.dataset import LoopDataset
from labelloop.adapters.fiftyone.origin import NAME_FIELDS, show_name_fields
from labelloop.adapters.files.ledger import SOURCE
from labelloop.core.name_fields import name_fields
from labelloop.resources.project import Project


def show_fields_of_names(now: Project, loop: LoopDataset) -> None:
    """Let samples say what their file names tell; without `annotation.name_fields` nothing is touched.

    Raises:
        ConfigError: If a group bears the name of a field that is somebody else's.
    """
    pattern = now.settings.annotation.name_fields
    if pattern or loop.dataset.info.get(NAME_FIELDS):
        show_name_fields(loop, name_fields(pattern, names_of_images(now)))


def names_of_images(now: Project) -> dict[str, str]:
    """File name by sample id: on disk, or in CVAT where we named the file by its content."""
    samples = now.ledger.samples_or_empty()
    names = dict(zip(samples["sample_id"], samples["path"], strict=True))
    media = now.home.relative(now.home.root / "media")
    pulled = now.ledger.contents(SOURCE)[1] if now.ledger.has_labels(SOURCE) else {}
    known = names | {key: name for name, key in pulled.items() if names.get(key, "").startswith(f"{media}/")}
    # A name that we gave says nothing, though a pattern may find something in it.
    return {key: name for key, name in known.items() if not name.startswith(f"{media}/")}
