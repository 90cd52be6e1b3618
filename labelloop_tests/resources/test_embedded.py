"""What was computed from other embeddings than those of now is refused, with the command that computes it again."""

import numpy as np
import pandas as pd
import pytest

from labelloop.adapters.embedding.provider import HogHsv
from labelloop.adapters.embedding.torch_models import TorchModel
from labelloop.adapters.yolo.embedding import YoloEmbedder
from labelloop.core.errors import ConfigError, MissingStateError, ModelError
from labelloop.resources.embedded import (
    provider_of,
    require_current_embeddings,
    require_current_scores,
    require_same_version,
)
from labelloop_tests.adapters.embedding.networks import Pooled, script
from labelloop_tests.projects import make_project

IDS = ["a", "b"]
COMMAND = "dagster job execute -m labelloop.definitions -j prepare_pool"


@pytest.fixture
def make(tmp_path):
    return lambda **embeddings: make_project(tmp_path, embeddings=embeddings)


def embed(now, version="1", ids=IDS):
    wanted = now.settings.embeddings
    vectors = np.ones((len(ids), 3), dtype=np.float32)
    now.ledger.vectors.save(wanted.provider, version, list(ids), vectors, {"recipe": wanted.recipe})


def score(now):
    key = now.ledger.vectors.key(now.settings.embeddings.provider)
    now.ledger.save_zcore(pd.DataFrame({"sample_id": IDS, "zcore": [0.0, 1.0], "embeddings": key}))


def test_scores_of_the_embeddings_of_now_are_accepted(make):
    now = make()
    embed(now)
    score(now)
    require_current_scores(now)
    embed(now)  # the same again
    require_current_scores(now)
    require_current_scores(make(batch_size=7, device="cpu"))  # how fast it goes does not matter


@pytest.mark.parametrize("change", [{"version": "2"}, {"ids": ["a", "b", "c"]}])
def test_scores_of_other_embeddings_are_refused_with_the_command(make, change):
    now = make()
    embed(now)
    score(now)
    before = now.ledger.vectors.key("hog_hsv")
    embed(now, **change)
    with pytest.raises(MissingStateError, match=COMMAND) as caught:
        require_current_scores(now)
    assert before in caught.value.what
    assert str(now.ledger.vectors.key("hog_hsv")) in caught.value.what
    score(now)
    require_current_scores(now)


def test_scores_that_do_not_say_what_they_come_from_are_refused(make):
    now = make()
    embed(now)
    now.ledger.save_zcore(pd.DataFrame({"sample_id": IDS, "zcore": [0.0, 1.0]}))
    with pytest.raises(MissingStateError, match=COMMAND):
        require_current_scores(now)


def test_embeddings_of_other_settings_are_refused_naming_what_changed(make):
    first = make(provider="yolo", model="one.pt")
    embed(first)
    score(first)
    for changes in ({"model": "two.pt"}, {"model": "one.pt", "imgsz": 320}):
        now = make(provider="yolo", **changes)
        key, value = list(changes.items())[-1]
        for check in (require_current_embeddings, require_current_scores):
            with pytest.raises(MissingStateError, match=f"{key} was .* and is {value!r}.*{COMMAND}"):
                check(now)
    with pytest.raises(MissingStateError, match="prepare_pool"):
        require_current_scores(make())  # another provider, which embedded nothing yet


def test_a_selection_mined_with_another_version_is_refused_but_images_may_have_come_since(make):
    now = make()
    embed(now)
    selection = {"rows": [], "embeddings": "1"}
    require_same_version(now, selection, "v1")
    embed(now, ids=["a", "b", "c"])
    require_same_version(now, selection, "v1")
    require_same_version(now, {"rows": []}, "v1")  # mined before selections said it
    embed(now, version="2")
    with pytest.raises(MissingStateError, match=r"for v1 was mined with other embeddings \(1\) .* \(2\).* again"):
        require_same_version(now, selection, "v1")


# -- providers -----------------------------------------------------------------------------------------------------


def test_a_provider_follows_from_its_name(make, tmp_path):
    assert isinstance(provider_of(make()), HogHsv)
    script(tmp_path / "net.pt", Pooled())
    made = provider_of(make(provider="torch", model="net.pt", imgsz=64, batch_size=3, normalize="none"))
    assert isinstance(made, TorchModel)
    assert (made.batch_size, made.view.side, made.view.mean) == (3, 64, (0.0, 0.0, 0.0))
    made = provider_of(make(provider="yolo", model="labelloop:digits", imgsz=160))
    assert isinstance(made, YoloEmbedder)
    assert "imgsz=160" in made.version


@pytest.mark.parametrize(
    ("settings", "error", "said"),
    [
        ({"provider": "yolo", "model": "gone.pt"}, ModelError, r"embeddings\.model: .*gone\.pt does not exist"),
        ({"provider": "yolo", "model": "yolov8n.yaml"}, ConfigError, "architecture"),
        ({"provider": "torch", "model": "gone.pt"}, ConfigError, r"gone\.pt does not exist"),
        ({"provider": "timm", "model": "vit", "weights": "gone.pth"}, ConfigError, r"gone\.pth does not exist"),
    ],
)
def test_a_model_that_is_not_there_is_named(make, settings, error, said):
    with pytest.raises(error, match=said):
        provider_of(make(**settings))
