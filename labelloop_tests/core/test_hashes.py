import itertools

import numpy as np
import pytest
from PIL import Image, ImageFilter

from labelloop.core.hashes import as_hashes, dhash, duplicate_groups, hamming, merge_groups, near


def picture(seed, size=(320, 240)):
    tiny = np.random.default_rng(seed).integers(0, 256, (12, 16, 3), dtype=np.uint8)
    return Image.fromarray(tiny).resize(size, Image.Resampling.BICUBIC)


def test_a_copy_in_another_size_and_quality_is_near():
    image = picture(1)
    for copy in (image.resize((160, 120)), image.filter(ImageFilter.GaussianBlur(2)), image.convert("L")):
        assert hamming(dhash(image), dhash(copy)) <= 6


def test_another_picture_is_far():
    hashes = [dhash(picture(seed)) for seed in range(12)]
    assert min(hamming(one, two) for one, two in itertools.combinations(hashes, 2)) > 6


def test_bits_say_where_brightness_rises():
    rising = Image.fromarray(np.tile(np.arange(0, 252, 28, dtype=np.uint8), (8, 1)))
    assert dhash(rising) == 2**64 - 1
    assert dhash(rising.transpose(Image.Transpose.FLIP_LEFT_RIGHT)) == 0


@pytest.mark.parametrize("mode", ["1", "L", "RGBA", "CMYK", "I;16", "F", "P"])
def test_every_mode_has_a_hash(mode):
    assert 0 <= dhash(Image.new(mode, (1, 1))) < 2**64


@pytest.mark.parametrize(
    ("hashes", "ids", "expected"),
    [
        ([], [], []),
        ([0], ["a"], ["a"]),
        ([0, 2**64 - 1], ["b", "a"], ["b", "a"]),
        ([0b111111, 0], ["b", "a"], ["a", "a"]),  # six bits
        ([0b1111111, 0], ["b", "a"], ["b", "a"]),  # seven bits
        ([0, 0b111111, 0b111111111111], ["c", "b", "a"], ["a", "a", "a"]),  # a chain
        ([5, 5, 5], ["z", "y", "x"], ["x", "x", "x"]),
    ],
)
def test_duplicate_groups(hashes, ids, expected):
    assert duplicate_groups(as_hashes(hashes), ids, 6).tolist() == expected


def naive_groups(hashes, ids, distance):
    parent = {name: name for name in ids}

    def root(name):
        while parent[name] != name:
            name = parent[name]
        return name

    for (one, a), (two, b) in itertools.combinations(zip(hashes, ids, strict=True), 2):
        if hamming(one, two) <= distance:
            first, second = sorted((root(a), root(b)))
            parent[second] = first
    return {name: root(name) for name in ids}


def clustered_hashes(count, seed=0):
    """Hashes of which many are a few bits away from another one, over several blocks of comparison."""
    rng = np.random.default_rng(seed)
    base = rng.integers(0, 2**64, count, dtype=np.uint64)
    for index in range(1, count, 3):
        flips = rng.choice(64, size=rng.integers(0, 8), replace=False)
        base[index] = base[rng.integers(index)] ^ np.uint64(sum(1 << int(bit) for bit in flips))
    return base


def test_groups_equal_pairwise_union_find():
    hashes = clustered_hashes(700)
    ids = [f"s{number:04d}" for number in np.random.default_rng(1).permutation(700)]
    expected = naive_groups([int(value) for value in hashes], ids, 6)
    assert dict(zip(ids, duplicate_groups(hashes, ids, 6), strict=True)) == expected


def test_groups_do_not_depend_on_the_order_of_rows():
    hashes, ids = clustered_hashes(600), np.array([f"s{number}" for number in range(600)])
    order = np.random.default_rng(2).permutation(600)
    straight = dict(zip(ids, duplicate_groups(hashes, ids.tolist()), strict=True))
    shuffled = dict(zip(ids[order], duplicate_groups(hashes[order], ids[order].tolist()), strict=True))
    assert straight == shuffled


def test_groups_of_many_images_are_found_also_when_all_are_alike():
    names = [f"{number:05}" for number in range(20_000)]
    apart = np.arange(20_000, dtype=np.uint64) * np.uint64(0x9E3779B97F4A7C15)
    assert len(set(duplicate_groups(apart, names, distance=0))) == 20_000
    assert set(duplicate_groups(np.zeros(20_000, dtype=np.uint64), names)) == {"00000"}


@pytest.mark.parametrize(
    ("groups", "keys", "expected"),
    [
        ([], [], []),
        (["a", "b"], [None, None], ["a", "b"]),
        (["a", "b"], ["video", "video"], ["a", "a"]),
        (["c", "c", "a"], ["x", None, "x"], ["a", "a", "a"]),  # the key joins a whole duplicate group
        (["d", "c", "b", "a"], ["x", "y", "x", "y"], ["b", "a", "b", "a"]),
        (["a", "a", "b"], ["x", "y", "y"], ["a", "a", "a"]),  # a duplicate joins two keys
    ],
)
def test_merge_groups(groups, keys, expected):
    assert merge_groups(groups, keys).tolist() == expected


@pytest.mark.parametrize(
    ("first", "second", "expected"),
    [([], [], []), ([], [1], []), ([1], [], [False]), ([0, 2**64 - 1], [3, 2**40], [True, False])],
)
def test_near(first, second, expected):
    assert near(as_hashes(first), as_hashes(second), 2).tolist() == expected
