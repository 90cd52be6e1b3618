import pytest

from labelloop.core.errors import ConfigError
from labelloop_tests.adapters.sources.builders import put, read, splits


def tags(root, source):
    return {
        path.relative_to(root).as_posix(): [label.label for label in found] for path, found in source.labels.items()
    }


@pytest.mark.parametrize(
    "table",
    [
        {"t.csv": "path,tags\na.jpg,cat;Ünï & co\nsub/b.jpg,dog\n"},
        {"t.csv": "Filename,Labels\na.jpg,cat|Ünï & co\nsub/b.jpg,dog\n"},
        {"t.csv": 'path,tags\na.jpg,"cat, Ünï & co"\nsub/b.jpg,dog\n'},
        {"t.csv": "path,tag\na.jpg,cat\na.jpg,Ünï & co\na.jpg,cat\nsub/b.jpg,dog\n"},
        {"t.csv": 'path,tags\na.jpg,"[""cat"", ""Ünï & co""]"\nsub/b.jpg,dog\n'},
        {"t.tsv": "path\ttags\na.jpg\tcat;Ünï & co\nsub/b.jpg\tdog\n"},
        {"t.json": [{"path": "a.jpg", "tags": ["cat", "Ünï & co"]}, {"path": "sub/b.jpg", "tags": "dog"}]},
        {"t.json": {"a.jpg": ["cat", "Ünï & co"], "sub/b.jpg": ["dog"]}},
        {"a.jpg.txt": "cat\nÜnï & co\n\n", "sub/b.jpg.txt": "dog"},
    ],
)
def test_tags_are_read_from_a_table_or_from_a_file_for_each_image(tmp_path, table):
    put(tmp_path, {"a.jpg": "", "sub/b.jpg": "", "c.jpg": "", **table})
    source = read(tmp_path, "tags")
    assert tags(tmp_path, source) == {"a.jpg": ["cat", "Ünï & co"], "sub/b.jpg": ["dog"]}
    assert (source.labelled, source.object_classes, len(source.images)) == (frozenset(), (), 3)


def test_a_column_of_splits_is_kept_and_an_unknown_split_is_named(tmp_path):
    put(tmp_path, {"a.jpg": "", "b.jpg": "", "t.csv": "path,tags,split\na.jpg,x,val\nb.jpg,x,fold7\n"})
    source = read(tmp_path, "tags")
    assert splits(tmp_path, source) == {"a.jpg": "val"}
    assert list(source.damaged.values()) == ["a split that nobody knows: fold7"]


def test_images_that_are_not_there_are_missing(tmp_path):
    put(tmp_path, {"out.jpg": "", "in/a.jpg": "", "in/t.csv": "path,tags\na.jpg,x\n../out.jpg,x\ngone.jpg,x\n"})
    assert read(tmp_path / "in", "tags").missing == ("../out.jpg", "gone.jpg")


@pytest.mark.parametrize("text", ["", "name,colour\na.jpg,red\n", "path,tags\n"])
def test_a_folder_without_tags_is_an_error_that_says_what_is_needed(tmp_path, text):
    put(tmp_path, {"a.jpg": "", "t.csv": text})
    with pytest.raises(ConfigError, match=r"holds no tags.* A CSV or JSON needs a column path/filepath/file"):
        read(tmp_path, "tags")
