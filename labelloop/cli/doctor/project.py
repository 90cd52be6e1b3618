"""The project: `labelloop.yaml`, weights and embeddings."""

from collections.abc import Iterator
from tempfile import TemporaryDirectory

from labelloop.adapters.child import ask
from labelloop.adapters.embedding import VERSIONS
from labelloop.adapters.files.ledger import Ledger
from labelloop.adapters.yolo import weights as yolo_weights
from labelloop.cli.doctor.surroundings import Surroundings
from labelloop.core.findings import Finding, ok, warning


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
    """The provider of embeddings, and whether the vectors that are there are of its version."""
    if around.settings is None or around.home is None:
        return
    provider = around.settings.embeddings.provider
    stored = Ledger(around.home).embedding_version(provider)
    if stored is not None and stored != VERSIONS[provider]:
        detail = f"the vectors are of {provider} {stored}, which is {VERSIONS[provider]} by now"
        yield warning("embeddings", detail, "Run the job prepare_pool, which computes them anew.")
        return
    told = "computed by prepare_pool" if stored is None else "vectors are there"
    yield ok("embeddings", f"{VERSIONS[provider]}: {told}")
