import numpy as np
import pytest

from labelloop.adapters.embedding import VERSIONS, embed
from labelloop.core.embedding import hog_hsv
from labelloop.core.errors import LabelloopError
from labelloop_tests.pictures import encoded, picture, write

PROVIDER = "hog_hsv"
DAMAGED = [None, b"", b"text", encoded(picture(), "PNG")[:60], encoded(picture(), "JPEG")[:300]]


@pytest.fixture
def paths(tmp_path):
    return {f"s{seed}": write(tmp_path / f"{seed}.png", seed) for seed in (3, 1, 2, 0)}


def embedded(paths, known=None):
    told = []
    ids, vectors, computed = embed(PROVIDER, paths, known, lambda done, total: told.append((done, total)))
    assert told == [(done, computed) for done in range(1, computed + 1)]
    return ids, vectors, computed


def test_every_sample_has_its_vector_sorted_by_id(paths):
    ids, vectors, computed = embedded(paths)
    assert (ids, computed) == (["s0", "s1", "s2", "s3"], 4)
    assert vectors.dtype == np.float32
    np.testing.assert_array_equal(vectors[3], hog_hsv(picture(3)))
    assert PROVIDER in VERSIONS


@pytest.mark.parametrize("first", [[], ["s2"], ["s3", "s0"], ["s0", "s1", "s2", "s3"]])
def test_only_new_images_are_computed_and_it_does_not_matter_which_were_first(paths, first):
    known = embedded({name: paths[name] for name in first})[:2] if first else None
    for name in first:
        paths[name].unlink()  # whoever is known is not looked at again
    ids, vectors, computed = embedded(paths, known)
    assert computed == 4 - len(first)
    whole = np.stack([hog_hsv(picture(int(name[1:]))) for name in ids])
    np.testing.assert_array_equal(vectors, whole)


def test_a_sample_that_is_gone_has_no_vector(paths):
    known = embedded(paths)[:2]
    del paths["s1"]
    ids, vectors, computed = embedded(paths, known)
    assert (ids, computed) == (["s0", "s2", "s3"], 0)
    np.testing.assert_array_equal(vectors, known[1][[0, 2, 3]])


def test_a_vector_is_that_of_the_upright_image(tmp_path):
    image = picture(5, (64, 40))
    (tmp_path / "turned").write_bytes(encoded(image.rotate(90, expand=True), "PNG", orientation=6))
    np.testing.assert_array_equal(embedded({"a": tmp_path / "turned"})[1][0], hog_hsv(image))


@pytest.mark.parametrize("content", DAMAGED)
def test_an_image_that_can_no_longer_be_read_is_named_with_the_remedy(paths, content):
    paths["s2"].unlink()
    if content is not None:
        paths["s2"].write_bytes(content)
    with pytest.raises(LabelloopError, match=r"2\.png was readable at ingest and no longer is.* materialise"):
        embedded(paths)


def test_a_png_with_a_broken_chunk_is_named_too(paths):
    content = bytearray(paths["s2"].read_bytes())
    content[content.index(b"IDAT") - 4 :] = b"\xff" * 40
    paths["s2"].write_bytes(content)
    with pytest.raises(LabelloopError, match=r"2\.png was readable at ingest"):
        embedded(paths)
