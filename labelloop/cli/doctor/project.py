"""The project: `labelloop.yaml`, weights and embeddings."""

from collections.abc import Iterator
from tempfile import TemporaryDirectory

from labelloop.adapters.child import ask
from labelloop.adapters.files.ledger import Ledger
from labelloop.adapters.yolo import weights as yolo_weights
from labelloop.cli.doctor.surroundings import Surroundings
from labelloop.core.findings import Finding, missing, ok, warning


def labelloop_yaml(around: Surroundings) -> Iterator[Finding]:
    """The settings of the project."""
    if around.problem is not None:
        raise around.problem
    yield ok("labelloop.yaml", str(around.config))


def weights(around: Surroundings) -> Iterator[Finding]:
    """What the first training starts from; loaded elsewhere, for that imports torch."""
    if around.settings is None or around.home is None:
        return
    wanted, folder = around.settings.train.weights, around.home.project
    if yolo_weights.is_to_be_fetched(wanted, folder):
        remedy = f"Without a network, put the file into {folder}."
        yield warning("weights", f"{wanted} is not here yet: the first training fetches it", remedy)
        return
    start = yolo_weights.resolve_weights(wanted, folder)
    with TemporaryDirectory(prefix="labelloop-doctor-") as own:
        found = ask(yolo_weights.describe, str(start), own)
    yield ok("weights", f"{start}: {found['parameters'] / 1e6:.1f} million parameters, {found['classes']} classes")


def embeddings(around: Surroundings) -> Iterator[Finding]:
    """The provider of embeddings, and whether the vectors that are there are those it would make."""
    if around.settings is None or around.home is None:
        return
    wanted = around.settings.embeddings
    file = {"yolo": wanted.model, "torch": wanted.model, "timm": wanted.weights}.get(wanted.provider, "")
    if file and file not in yolo_weights.PACKAGED and not (around.home.project / file).is_file():
        yield missing("embeddings", f"{around.home.project / file} does not exist", "Correct labelloop.yaml.")
        return
    record = Ledger(around.home).vectors.record_or_none(wanted.provider)
    made_by = record.get("recipe", wanted.recipe) if record else None
    if made_by not in (None, wanted.recipe):
        detail = "the vectors that are there were made with other settings"
        yield warning("embeddings", detail, "Run the job prepare_pool, which computes them anew.")
        return
    yield ok(
        "embeddings", f"{wanted.provider}: {'computed by prepare_pool' if made_by is None else 'vectors are there'}"
    )
