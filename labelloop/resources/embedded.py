"""Which provider embeds the project's images, and whether what is stored still belongs together."""

from collections.abc import Callable, Mapping

from labelloop.adapters import mongod
from labelloop.adapters.embedding.provider import HogHsv, Provider
from labelloop.adapters.embedding.timm_models import timm_model
from labelloop.adapters.embedding.torch_models import pick_device, torch_script
from labelloop.adapters.fiftyone.environment import prepare as prepare_fiftyone
from labelloop.adapters.fiftyone.zoo_models import zoo_embedder
from labelloop.adapters.yolo import environment, weights
from labelloop.adapters.yolo.embedding import yolo_embedder
from labelloop.core.errors import MissingStateError
from labelloop.resources.project import Project

AGAIN = "Run `dagster job execute -m labelloop.definitions -j prepare_pool`, which computes only what is new."


def provider_of(now: Project) -> Provider:
    """The provider that `embeddings:` names.

    Raises:
        ConfigError, ModelError: If its model is missing, cannot be downloaded, or is something else.
    """
    return _PROVIDERS[now.settings.embeddings.provider](now)


def is_portable(now: Project) -> bool:
    """Whether the provider may work in processes of a cluster.

    Those of ultralytics and FiftyOne have to be set up in their process first, and a cluster is asked for processors,
    so a network that runs on a GPU here stays here.
    """
    wanted = now.settings.embeddings
    if wanted.provider in ("torch", "timm"):
        return pick_device(wanted.device) == "cpu"
    return wanted.provider == "hog_hsv"


def require_current_embeddings(now: Project) -> None:
    """Refuse vectors that other settings made than those of now, or that are not there.

    Raises:
        MissingStateError: Names both, and the command that computes them.
    """
    wanted = now.settings.embeddings
    record = now.ledger.vectors.record_or_none(wanted.provider)
    if record is None:
        raise MissingStateError(f"The images are not embedded by {wanted.provider} yet", AGAIN)
    made_by = record.get("recipe", wanted.recipe)
    changed = [key for key, value in wanted.recipe.items() if made_by.get(key) != value]
    if changed:
        told = ", ".join(f"{key} was {made_by.get(key)!r} and is {wanted.recipe[key]!r}" for key in changed)
        raise MissingStateError(f"embeddings: has changed since the images were embedded: {told}", AGAIN)


def require_current_scores(now: Project) -> None:
    """Refuse coverage scores that were computed from other vectors than those of now.

    Raises:
        MissingStateError: Names both, and the command that computes them again.
    """
    scores = now.ledger.zcore()
    require_current_embeddings(now)
    key = now.ledger.vectors.key(now.settings.embeddings.provider)
    made_from = set(scores["embeddings"]) if "embeddings" in scores else {"of before"}
    if len(scores) and made_from != {key}:
        raise MissingStateError(
            f"The coverage scores were computed from other embeddings ({', '.join(sorted(made_from))}) than those of "
            f"now ({now.settings.embeddings.provider}, {key})",
            AGAIN,
        )


def require_same_version(now: Project, selection: Mapping[str, object], iteration: str) -> None:
    """Refuse a selection that was mined with another embedding; images that came since do not matter.

    Raises:
        MissingStateError: Names both, and what to run.
    """
    version = now.ledger.embedding_version(now.settings.embeddings.provider)
    mined_with = selection.get("embeddings", version)
    if mined_with != version:
        raise MissingStateError(
            f"The selection for {iteration} was mined with other embeddings ({mined_with}) than those of now "
            f"({version or 'not computed yet'})",
            "Materialise failure_mined_batch of the iteration before again.",
        )


def _yolo(now: Project) -> Provider:
    environment.prepare(now.home.root / "ultralytics")
    wanted = now.settings.embeddings
    start = weights.resolve_weights(wanted.model, now.home.project, "embeddings.model")
    return yolo_embedder(
        start, imgsz=wanted.imgsz, batch_size=wanted.batch_size, device=wanted.device, precision=wanted.precision
    )


def _fiftyone_zoo(now: Project) -> Provider:
    prepare_fiftyone(now.home, mongod.ensure(now.home))
    wanted = now.settings.embeddings
    return zoo_embedder(wanted.model, batch_size=wanted.batch_size, device=wanted.device)


def _torch(now: Project) -> Provider:
    wanted = now.settings.embeddings
    return torch_script(
        now.home.project / wanted.model, side=wanted.imgsz, normalize=wanted.normalize,
        batch_size=wanted.batch_size, device=wanted.device, precision=wanted.precision,
    )  # fmt: skip


def _timm(now: Project) -> Provider:
    wanted = now.settings.embeddings
    return timm_model(
        wanted.model, now.home.project / wanted.weights,
        batch_size=wanted.batch_size, device=wanted.device, precision=wanted.precision,
    )  # fmt: skip


_PROVIDERS: Mapping[str, Callable[[Project], Provider]] = {
    "hog_hsv": lambda _: HogHsv(),
    "yolo": _yolo,
    "fiftyone_zoo": _fiftyone_zoo,
    "torch": _torch,
    "timm": _timm,
}
