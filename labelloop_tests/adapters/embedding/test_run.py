from dataclasses import dataclass, field

import numpy as np
import pytest
from PIL import Image

from labelloop.adapters.embedding import run
from labelloop.adapters.embedding.provider import HogHsv, filled
from labelloop.core.embedding import hog_hsv
from labelloop.core.errors import ModelError
from labelloop_tests.pictures import encoded, picture, write

DAMAGED = [None, b"", b"text", encoded(picture(), "PNG")[:60], encoded(picture(), "JPEG")[:300]]


@dataclass
class MeanColour:
    """A model that cannot embed pictures as wide as `refused`, gives zeros for black and NaN for white ones."""

    refused: int = -1
    batch_size: int = 2
    decode_side: int = 0
    version: str = "mean-1"
    passes: list = field(default_factory=list)

    def prepare(self, image):
        return np.asarray(image.convert("RGB"))

    def vectors(self, prepared):
        self.passes.append(len(prepared))
        if any(pixels.shape[1] == self.refused for pixels in prepared):
            raise RuntimeError("a shape I cannot take")
        rows = np.stack([pixels.mean(axis=(0, 1)) for pixels in prepared]).astype(np.float32)
        return np.where(rows == 255, np.nan, rows).astype(np.float32)


@pytest.fixture
def paths(tmp_path):
    return {f"s{seed}": write(tmp_path / f"{seed}.png", seed) for seed in (3, 1, 2, 0)}


def embedded(paths, known=None, provider=None, kept=None):
    told = []
    done = run.embed(
        provider or HogHsv(), paths, known or {},
        keep=lambda ids, vectors: (kept if kept is not None else []).append((list(ids), vectors)),
        on_progress=lambda count, total: told.append((count, total)),
    )  # fmt: skip
    new = len(paths.keys() - (known or {}).keys())
    assert new == done.computed + len(done.failed)
    assert sorted([*done.ids, *done.failed]) == sorted(paths)
    assert not told or (told[-1] == (new, new) and told == sorted(told))
    assert bool(told) == bool(new)
    return done


def as_known(done):
    return dict(zip(done.ids, done.vectors, strict=True))


def test_every_sample_has_its_vector_sorted_by_id(paths):
    done = embedded(paths)
    assert (done.ids, done.computed) == (["s0", "s1", "s2", "s3"], 4)
    assert done.vectors.dtype == np.float32
    np.testing.assert_array_equal(done.vectors[3], hog_hsv(picture(3)))


@pytest.mark.parametrize("first", [[], ["s2"], ["s3", "s0"], ["s0", "s1", "s2", "s3"]])
@pytest.mark.parametrize("batch_size", [1, 2, 3, 100])
def test_only_new_images_are_computed_and_it_does_not_matter_which_were_first(paths, first, batch_size):
    whole = embedded(paths, provider=MeanColour()).vectors
    known = as_known(embedded({name: paths[name] for name in first}, provider=MeanColour())) if first else {}
    for name in first:
        paths[name].unlink()  # whoever is known is not looked at again
    done = embedded(paths, known, MeanColour(batch_size=batch_size))
    assert (done.ids, done.computed) == (["s0", "s1", "s2", "s3"], 4 - len(first))
    np.testing.assert_array_equal(done.vectors, whole)


def test_a_sample_that_is_gone_has_no_vector(paths):
    first = embedded(paths)
    del paths["s1"]
    done = embedded(paths, as_known(first))
    assert (done.ids, done.computed) == (["s0", "s2", "s3"], 0)
    np.testing.assert_array_equal(done.vectors, first.vectors[[0, 2, 3]])


def test_a_vector_is_that_of_the_upright_image(tmp_path):
    image = picture(5, (64, 40))
    (tmp_path / "turned").write_bytes(encoded(image.rotate(90, expand=True), "PNG", orientation=6))
    np.testing.assert_array_equal(embedded({"a": tmp_path / "turned"}).vectors[0], hog_hsv(image))


def test_a_model_may_ask_for_the_full_size(tmp_path):
    Image.new("RGB", (800, 600)).save(tmp_path / "a.jpg")
    sizes = []
    for side in (0, 64):
        provider = MeanColour(decode_side=side)
        provider.prepare = lambda image: sizes.append(image.size) or np.ones((1, 1, 3))
        embedded({"a": tmp_path / "a.jpg"}, provider=provider)
    assert sizes == [(800, 600), (100, 75)]


# -- what cannot be embedded ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("content", DAMAGED)
def test_an_image_that_can_no_longer_be_read_is_set_aside_by_name_and_the_others_go_on(paths, content):
    paths["s2"].unlink()
    if content is not None:
        paths["s2"].write_bytes(content)
    done = embedded(paths)
    assert done.ids == ["s0", "s1", "s3"]
    assert f"{paths['s2']} was readable at ingest and no longer is" in done.failed["s2"]
    np.testing.assert_array_equal(done.vectors[2], hog_hsv(picture(3)))


def test_a_png_with_a_broken_chunk_is_set_aside_too(paths):
    content = bytearray(paths["s2"].read_bytes())
    content[content.index(b"IDAT") - 4 :] = b"\xff" * 40
    paths["s2"].write_bytes(content)
    assert "2.png was readable at ingest" in embedded(paths).failed["s2"]


def test_an_image_set_aside_is_tried_again(paths):
    content = paths["s2"].read_bytes()
    paths["s2"].write_bytes(b"")
    first = embedded(paths)
    paths["s2"].write_bytes(content)
    done = embedded(paths, as_known(first))
    assert (done.computed, done.failed) == (1, {})


@pytest.mark.parametrize("batch_size", [1, 2, 4])
def test_an_image_the_model_refuses_costs_its_batch_nothing(paths, tmp_path, batch_size):
    paths["s11"] = write(tmp_path / "wide.png", 7, (77, 20))
    done = embedded(paths, provider=MeanColour(refused=77, batch_size=batch_size))
    assert done.ids == ["s0", "s1", "s2", "s3"]
    assert done.failed == {"s11": "the model cannot embed it: a shape I cannot take"}


@pytest.mark.parametrize("colour", ["black", "white"])
def test_a_vector_that_says_nothing_is_not_kept(paths, tmp_path, colour):
    Image.new("RGB", (8, 8), colour).save(tmp_path / "plain.png")
    done = embedded(paths | {"s9": tmp_path / "plain.png"}, provider=MeanColour())
    assert done.failed == {"s9": "its vector is zero or not finite"}
    assert np.isfinite(done.vectors).all()


def test_when_nothing_can_be_embedded_the_first_reason_is_told_with_the_remedy(paths):
    with pytest.raises(ModelError, match=r"None of 4 images .* s0: .* a shape I cannot take.* smaller batch_size"):
        embedded(paths, provider=MeanColour(refused=32))


def test_without_images_there_is_nothing_to_embed():
    with pytest.raises(ModelError, match="no image to embed"):
        embedded({})


# -- blocks --------------------------------------------------------------------------------------------------------


def test_blocks_are_kept_on_the_way_so_that_a_kill_does_not_lose_them(paths, monkeypatch):
    monkeypatch.setattr(run, "KEEP_EVERY", 3)
    kept = []
    done = embedded(paths, provider=MeanColour(), kept=kept)
    ((ids, vectors),) = kept  # what is left over is saved with the rest
    assert ids == ["s0", "s1", "s2", "s3"]
    np.testing.assert_array_equal(vectors, done.vectors)
    again = MeanColour()
    assert embedded(paths, dict(zip(ids, vectors, strict=True)), again).computed == 0
    assert again.passes == []


def test_a_batch_is_filled_up_to_its_size():
    assert filled("ab", 4) == ["a", "b", "b", "b"]
    assert filled("ab", 2) == ["a", "b"]
