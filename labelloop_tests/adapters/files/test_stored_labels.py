import pytest

from labelloop.adapters.files.stored_labels import MOST_KEPT, LabelFiles, StoredLabels
from labelloop.core.errors import MissingStateError
from labelloop.core.schema import Schema
from labelloop_tests.core.builders import frame, task

SCHEMA = Schema(("cell",), (1,))


def stored(name: str) -> StoredLabels:
    return StoredLabels((task(frame(0, name)),), {name: "s1"}, SCHEMA, {"s1": 1}, ("good",), {7: "auto"})


def test_what_is_written_is_read_back(tmp_path):
    path = tmp_path / "one.json"
    LabelFiles().write(path, stored("a"))
    read = LabelFiles().read(path, "")
    assert read.to_dict() == stored("a").to_dict()
    assert read.provenance == {7: "auto"}
    assert read.version(SCHEMA).reviewed == ("s1",)


def test_a_file_is_parsed_once_until_it_is_another(tmp_path):
    path, files = tmp_path / "one.json", LabelFiles()
    files.write(path, stored("a"))
    assert files.read(path, "") is files.read(path, "")
    assert files.read(path, "").version(SCHEMA) is files.read(path, "").version(SCHEMA)
    LabelFiles().write(path, stored("b"))
    assert dict(files.read(path, "").sample_of) == {"b": "s1"}


def test_memory_holds_few_of_them(tmp_path):
    files = LabelFiles()
    for number in range(MOST_KEPT + 2):
        files.write(tmp_path / f"{number}.json", stored("a"))
    assert len(vars(files)["_kept"]) == MOST_KEPT


def test_a_file_that_is_not_there_says_what_to_run(tmp_path):
    with pytest.raises(MissingStateError, match="take it"):
        LabelFiles().read(tmp_path / "none.json", "take it")
