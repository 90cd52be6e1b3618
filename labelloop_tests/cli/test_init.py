import os
from pathlib import Path

import pytest
import yaml

from labelloop.adapters.fiftyone import zoo
from labelloop.adapters.files.home import Home
from labelloop.cli import init
from labelloop.core.errors import ConfigError, CvatError
from labelloop.settings.yaml_file import load_settings
from labelloop_tests.adapters.sources.builders import put
from labelloop_tests.cvat_world import access, project, project_name, server
from labelloop_tests.pictures import write

__all__ = ["access", "project", "project_name", "server"]

REPOSITORY = Path(__file__).parents[2]


def initialised(folder, *, sandbox=False, source=None, weights=""):
    return list(init.run(folder, sandbox=sandbox, source=source and str(source), weights=weights))


def files(folder):
    return {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()}


@pytest.fixture(autouse=True)
def _no_home_elsewhere(monkeypatch):
    monkeypatch.delenv("LABELLOOP_HOME", raising=False)


def test_an_empty_folder_becomes_a_project(tmp_path):
    said = initialised(tmp_path)
    home = Home.of(tmp_path / "labelloop.yaml")
    assert load_settings(tmp_path / "labelloop.yaml").source.type == "folder"
    assert (tmp_path / ".env").read_text() == f"DAGSTER_HOME={tmp_path / '.labelloop' / 'dagster'}\n"
    assert (home.root / "dagster" / "dagster.yaml").is_file()
    home.require()
    assert said[0] == f"wrote {tmp_path / 'labelloop.yaml'}"
    assert said[-1].startswith("next: dagster job execute")


def test_a_second_time_changes_nothing_and_keeps_what_was_edited(tmp_path):
    initialised(tmp_path)
    config = tmp_path / "labelloop.yaml"
    config.write_text(config.read_text().replace("name: labelloop", "name: mine"))
    before = files(tmp_path)
    said = initialised(tmp_path, sandbox=True)
    assert files(tmp_path) == before
    assert said[0] == f"{config} is there and stays as it is"


def test_what_is_missing_is_completed(tmp_path):
    initialised(tmp_path)
    before = files(tmp_path)
    for name in (".env", ".labelloop/dagster/dagster.yaml"):
        (tmp_path / name).unlink()
    initialised(tmp_path)
    assert files(tmp_path) == before


@pytest.mark.parametrize(
    ("before", "kept"),
    [
        ("", []),
        ("CVAT_URL=https://cvat.example.com\n", ["CVAT_URL=https://cvat.example.com"]),
        ("# ours\nA=ü\nDAGSTER_HOME=/old\n\nB=2", ["# ours", "A=ü", "", "B=2"]),
    ],
)
def test_other_lines_of_the_environment_file_stay(tmp_path, before, kept):
    (tmp_path / ".env").write_text(before, encoding="utf-8")
    initialised(tmp_path)
    lines = (tmp_path / ".env").read_text(encoding="utf-8").splitlines()
    assert lines == [*kept, f"DAGSTER_HOME={tmp_path / '.labelloop' / 'dagster'}"]
    assert Path(lines[-1].partition("=")[2]).is_absolute()


def test_a_project_that_was_moved_is_set_right_by_a_second_init(tmp_path):
    (tmp_path / "old").mkdir()
    initialised(tmp_path / "old")
    moved = (tmp_path / "old").rename(tmp_path / "new")
    initialised(moved)
    assert (moved / ".env").read_text() == f"DAGSTER_HOME={moved / '.labelloop' / 'dagster'}\n"


def test_the_state_lies_where_labelloop_home_says(tmp_path, monkeypatch):
    monkeypatch.setenv("LABELLOOP_HOME", str(tmp_path / "state"))
    (tmp_path / "project").mkdir()
    initialised(tmp_path / "project")
    assert (tmp_path / "state" / "dagster" / "dagster.yaml").is_file()
    assert str(tmp_path / "state" / "dagster") in (tmp_path / "project" / ".env").read_text()


@pytest.mark.parametrize(
    ("images", "annotations", "expected"),
    [
        (".", None, ("folder", "", "", "")),
        ("images", None, ("folder", "", "", "")),
        ("images", "annotations", ("voc", "images", "annotations", "splits")),
        ("JPEGImages", "Annotations", ("voc", "JPEGImages", "Annotations", "ImageSets/Main")),
    ],
)
@pytest.mark.parametrize("absolute", [True, False])
def test_what_kind_of_data_set_a_folder_holds_is_seen(tmp_path, monkeypatch, images, annotations, expected, absolute):
    project, data = tmp_path / "project", tmp_path / "data"
    project.mkdir()
    write(data / images / "a.png")
    if annotations:
        (data / annotations).mkdir()
        (data / annotations / "a.xml").write_text("<annotation/>")
    monkeypatch.chdir(project)
    initialised(project, source=data if absolute else Path("../data"))
    source = load_settings(project / "labelloop.yaml").source
    assert (source.type, source.images, source.annotations, source.splits) == expected
    assert source.path == (data.as_posix() if absolute else "../data")


def test_a_source_that_is_not_there_is_named_and_nothing_is_written(tmp_path):
    with pytest.raises(
        ConfigError, match=r"--from: .*nowhere is not a folder, a file, a data set of FiftyOne's zoo or a CVAT project"
    ):
        initialised(tmp_path, source=tmp_path / "nowhere")
    assert list(tmp_path.iterdir()) == []


def proposal(folder, files, **options):
    """What init said and wrote about a folder with these files."""
    put(folder / "data", files)
    (folder / "project").mkdir()
    said = initialised(folder / "project", source=folder / "data", **options)
    return said, load_settings(folder / "project" / "labelloop.yaml")


COCO = {
    "images": [{"id": 0, "file_name": "a.jpg"}, {"id": 1, "file_name": "b.jpg"}],
    "categories": [{"id": 3, "name": "ant"}, {"id": 1, "name": "zebra"}],
    "annotations": [{"image_id": 0, "category_id": 3, "bbox": [1, 2, 3, 4]}],
}


def test_a_half_labelled_set_is_proposed_with_its_classes_in_their_order_and_its_labels_trusted(tmp_path):
    said, settings = proposal(tmp_path, {"a.jpg": "", "b.jpg": "", "c.jpg": "", "labels.json": COCO})
    assert (settings.source.type, settings.classes) == ("coco", ["zebra", "ant"])
    assert (settings.trust_source_labels, settings.source.shapes_as_boxes) == ("all", False)
    assert said[:4] == [
        f"found coco in {tmp_path / 'data'}: 3 images, 1 labelled",
        "labels: 1 box",
        "classes: zebra, ant",
        "the labels of 1 images are trusted (trust_source_labels: all)",
    ]


def test_in_the_sandbox_the_labels_are_hidden_and_trusted_by_nobody(tmp_path):
    said, settings = proposal(tmp_path, {"a.jpg": "", "b.jpg": "", "labels.json": COCO}, sandbox=True)
    assert (settings.sandbox, settings.trust_source_labels) == ("replay", "none")
    assert "the labels of 1 images are hidden, the sandbox's annotators answer from them" in said


def test_polygons_are_proposed_to_train_through_their_boxes_and_that_is_said(tmp_path):
    ring = {"image_id": 0, "category_id": 1, "segmentation": [[1, 1, 5, 1, 5, 5]]}
    said, settings = proposal(tmp_path, {"a.jpg": "", "b.jpg": "", "l.json": COCO | {"annotations": [ring]}})
    assert settings.source.shapes_as_boxes
    assert "polygons and masks train through their enclosing box (source.shapes_as_boxes: true)" in said


def test_splits_are_told_and_one_that_nobody_knows_with_what_to_do(tmp_path):
    card = "names: [a]\nval: images/v\nfold7: images/f\n"
    said, settings = proposal(tmp_path, {"images/v/a.jpg": "", "images/f/b.jpg": "", "data.yaml": card})
    assert "splits: val 1, fold7 1 (kept)" in said
    assert "unknown splits fold7: rename them, or set splits.from_source: false" in said
    assert (settings.classes, settings.trust_source_labels) == (["a"], "none")


def test_what_cannot_be_read_and_what_is_not_there_is_counted(tmp_path):
    bad = {"images": [*COCO["images"], {"id": 9, "file_name": "gone.jpg"}], "annotations": [{"image_id": 0}]}
    said, _ = proposal(tmp_path, {"a.jpg": "", "b.jpg": "", "l.json": COCO | bad})
    assert "1 entries cannot be read; prepare_pool lists them" in said
    assert "1 entries named and not there; prepare_pool lists them" in said


def test_images_alone_have_no_classes_and_that_is_said(tmp_path):
    said, settings = proposal(tmp_path, {"a.jpg": ""})
    assert "classes: none found; set classes in labelloop.yaml" in said
    assert settings.trust_source_labels == "none"


def test_a_name_of_the_zoo_is_known_without_a_download(tmp_path, monkeypatch):
    monkeypatch.setattr(zoo, "names", lambda: ["coco-2017", "quickstart"])
    said = initialised(tmp_path, source="quickstart")
    settings = load_settings(tmp_path / "labelloop.yaml")
    assert (settings.source.type, settings.source.path) == ("fiftyone_zoo", "quickstart")
    assert settings.trust_source_labels == "all"
    assert "prepare_pool downloads it" in said[0]
    with pytest.raises(ConfigError, match=r"quikstart is not a folder.* one of FiftyOne's zoo such as coco-2017"):
        initialised(tmp_path / "other", source="quikstart")


@pytest.mark.parametrize("given", ["cvat:{name}", "{url}/projects/{id}", "{url}/projects/{id}/"])
def test_a_cvat_project_gives_its_classes_and_is_pulled_from(server, access, project, tmp_path, monkeypatch, given):
    for key, value in (
        ("CVAT_URL", access.url),
        ("CVAT_USERNAME", access.username),
        ("CVAT_PASSWORD", access.password),
    ):
        monkeypatch.setenv(key, value)
    said = initialised(tmp_path, source=given.format(name=project.name, url=access.url, id=project.id))
    settings = load_settings(tmp_path / "labelloop.yaml")
    assert (settings.annotation.pull_project, settings.annotation.push) == (project.name, False)
    assert settings.classes == list(project.label_ids)
    assert settings.source.type == "none"
    assert said[0] == f"found CVAT project '{project.name}': 0 finished tasks, which cvat_pull brings in"
    assert access.password not in " ".join(said) + (tmp_path / "labelloop.yaml").read_text()


@pytest.mark.parametrize(
    ("given", "said"), [("cvat:Fishes", "has no project 'Fishes'"), ("{url}/projects/987654", "no project 987654")]
)
def test_a_cvat_project_that_is_not_there_is_named_and_nothing_is_written(access, tmp_path, monkeypatch, given, said):
    for key, value in (
        ("CVAT_URL", access.url),
        ("CVAT_USERNAME", access.username),
        ("CVAT_PASSWORD", access.password),
    ):
        monkeypatch.setenv(key, value)
    with pytest.raises(CvatError, match=said):
        initialised(tmp_path, source=given.format(url=access.url))
    assert list(tmp_path.iterdir()) == []


def test_a_cvat_project_without_a_cvat_says_how_to_name_one(tmp_path, monkeypatch):
    monkeypatch.delenv("CVAT_URL", raising=False)
    with pytest.raises(ConfigError, match=r"no CVAT server is named\. Set CVAT_URL"):
        initialised(tmp_path, source="cvat:Fishes")


def test_given_weights_are_where_training_starts(tmp_path):
    initialised(tmp_path, weights="yolo11n.pt")
    assert load_settings(tmp_path / "labelloop.yaml").train.weights == "yolo11n.pt"


def test_a_broken_config_is_an_error_that_says_so(tmp_path):
    (tmp_path / "labelloop.yaml").write_text("nmae: x")
    with pytest.raises(ConfigError, match="did you mean 'name'"):
        initialised(tmp_path)


def test_the_sandbox_on_own_images_starts_by_itself_and_does_not_draw_scenes(tmp_path):
    write(tmp_path / "data" / "a.png")
    initialised(tmp_path, sandbox=True, source=tmp_path / "data")
    settings = load_settings(tmp_path / "labelloop.yaml")
    assert (settings.sandbox, settings.loop.autostart) == ("replay", True)
    assert not (tmp_path / ".labelloop" / "sandbox").exists()


def test_the_dagster_settings_of_the_package_are_those_of_the_repository(tmp_path):
    packaged = Path(init.__file__).with_name("dagster.yaml")
    assert packaged.read_bytes() == (REPOSITORY / "dagster.yaml").read_bytes()
    initialised(tmp_path)
    assert (tmp_path / ".labelloop" / "dagster" / "dagster.yaml").read_bytes() == packaged.read_bytes()
    assert yaml.safe_load(packaged.read_text())["telemetry"] == {"enabled": False}
    assert os.access(tmp_path / ".labelloop" / "dagster" / ".nux" / "nux.yaml", os.R_OK)
