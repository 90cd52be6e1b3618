from pathlib import Path

import pytest
from hypothesis import example, given
from hypothesis import settings as effort
from hypothesis import strategies as st

from labelloop.core.errors import ConfigError
from labelloop.settings.learning import TrainSettings
from labelloop.settings.model import AnnotationSettings, BatchSettings, Section, Settings, SourceSettings, SplitSettings
from labelloop.settings.yaml_file import CONFIG_NAME, find_config, load_settings, render

words = st.text(max_size=40)


def written(folder: Path, text: str) -> Path:
    path = folder / CONFIG_NAME
    path.write_bytes(text.encode())
    return path


def sections(section: Section):
    yield section
    for name in type(section).model_fields:
        if isinstance(getattr(section, name), Section):
            yield from sections(getattr(section, name))


@pytest.mark.parametrize("text", ["", "\n", "# only a comment\n", "{}\n", "null\n"])
def test_an_empty_file_gives_the_defaults(tmp_path, text):
    assert load_settings(written(tmp_path, text)) == Settings()


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("bacth: {budget: 3}", "unknown key 'bacth', did you mean 'batch'?"),
        ("batch: {budgte: 3}", "unknown key 'batch.budgte', did you mean 'budget'?"),
        ("train: {epoch: 3}", "unknown key 'train.epoch', did you mean 'epochs'?"),
        ("loop: {zzzz: 3}", "unknown key 'loop.zzzz', known keys here: autostart"),
        ("batch: {strategy: qbc}", "batch.strategy: Value error, one of hybrid, random, zcore, k_center"),
        ("batch: {budget: 0}", "batch.budget: Value error, a number of images, at least 1"),
        ("batch: {budget: 120%}", "or a share of what remains like 10% (it is '120%')"),
        ("train: {epochs: many}", "train.epochs: Input should be a valid integer"),
        ("train: {epochs: many}", "(it is 'many')"),
        ("evaluate: {iou: 1.5}", "evaluate.iou: Input should be less than 1 (it is 1.5)"),
        ("trust_source_labels: yes please", "'none', 'holdout' or 'all' (it is 'yes please')"),
        ("classes: [cat, dog, cat]", "classes: Value error, class names must be unique and not empty: cat"),
        ("classes: ['  ']", "class names must be unique and not empty"),
        ("name: ''", "name: String should have at least 1 character (it is '')"),
        ("embeddings: {provider: clip}", "'fiftyone_zoo', 'torch' or 'timm' (it is 'clip')"),
        ("embeddings: {provider: yolo}", "embeddings: Value error, provider yolo needs embeddings.model"),
        ("embeddings: {provider: timm, model: vit}", "provider timm needs embeddings.weights"),
        ("annotation: {prefill: model, backend: fiftyone}", "annotation.prefill: model needs backend: cvat"),
        ("annotation: {prefill_confidence: 0}", "annotation.prefill_confidence: Input should be greater than 0"),
        ("seed: -1\nname: 5", "seed: Input should be greater than or equal to 0 (it is -1)"),
        ("seed: -1\nname: 5", "name: Input should be a valid string (it is 5)"),
        ("sources: [{tpye: coco}]", "unknown key 'sources.0.tpye', did you mean 'type'?"),
        ("source: {type: cocoa}", "'tags' or 'none' (it is 'cocoa')"),
        ("1: 2", "1: Keys should be strings"),
        ("- name", "is not a list of keys"),
        ("just words", "is not a list of keys"),
        ("name: [", "cannot be read as YAML"),
        ("name: a: b", "line 1, column 8"),
        ("name: !!python/object/apply:os.getcwd []", "cannot be read as YAML"),
    ],
)
def test_what_is_wrong_is_said_in_one_line_with_file_key_problem_and_value(tmp_path, text, said):
    path = written(tmp_path, text)
    with pytest.raises(ConfigError) as caught:
        load_settings(path)
    assert said in str(caught.value)
    assert str(path) in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_file_that_is_no_text_is_said_to_be_no_yaml(tmp_path):
    path = tmp_path / CONFIG_NAME
    path.write_bytes(b"\xff\xfe\x00name")
    with pytest.raises(ConfigError, match="cannot be read as YAML"):
        load_settings(path)


CHANGED = Settings(
    name="Größe: #1 'ünï' \"🐈\" – 数字",
    classes=["ja", "no", "null", "1.5", "Ünïcorn & co", "a: b", "- c", "# d", "{e}"],
    media_root="../ein Ordner/mit, Komma",
    source=SourceSettings(type="voc", path="C:\\Bilder\n", images="~", splits=""),
    sources=[SourceSettings(type="coco", path="a: b"), SourceSettings(shapes_as_boxes=True)],
    annotation=AnnotationSettings(project="yes", organization="...", segment_size=0),
    splits=SplitSettings(group_by=r"^(.*)_\d+\.(?:jpg|png)$", val=30, from_source=False),
    batch=BatchSettings(budget="12.5%"),
    train=TrainSettings(device="0", fliplr=0.0),
)


@pytest.mark.parametrize("settings", [Settings(), CHANGED], ids=["defaults", "changed"])
def test_what_is_rendered_is_read_back(tmp_path, settings):
    assert load_settings(written(tmp_path, render(settings))) == settings


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("any-text")


@effort(deadline=None, max_examples=60)
@example(name="\u3000wide\u3000", group_by="\u00a0", classes=["\u2028a\x85"])
@given(name=words.filter(bool), group_by=words, classes=st.lists(words.filter(str.strip), unique=True, max_size=5))
def test_any_text_is_read_back(folder, name, group_by, classes):
    settings = Settings(name=name, classes=classes, splits=SplitSettings(group_by=group_by))
    assert load_settings(written(folder, render(settings))) == settings


def test_every_key_has_a_comment_above_it():
    lines = [line.strip() for line in render(Settings()).splitlines()]
    keys = [place for place, line in enumerate(lines) if line and not line.startswith("#")]
    assert len(keys) == sum(len(type(section).model_fields) for section in sections(Settings()))
    assert [lines[place] for place in keys if not lines[place - 1].startswith("# ")] == []
    assert "# None" not in lines


def test_settings_do_not_change_under_a_running_stage():
    with pytest.raises(ValueError, match="frozen"):
        Settings().batch.budget = 3


def test_the_nearest_file_upward_is_in_charge(tmp_path):
    deep = tmp_path / "one" / "two"
    deep.mkdir(parents=True)
    outer = written(tmp_path, "")
    assert find_config(deep, {}) == outer.resolve()
    inner = written(tmp_path / "one", "")
    assert find_config(deep, {}) == inner.resolve()
    (deep / CONFIG_NAME).mkdir()  # a folder of that name is not a file of that name
    assert find_config(deep, {}) == inner.resolve()


def test_labelloop_config_wins(tmp_path):
    written(tmp_path, "")
    other = tmp_path / "other.yaml"
    other.write_text("")
    assert find_config(tmp_path, {"LABELLOOP_CONFIG": str(other)}) == other.resolve()


def test_a_labelloop_config_that_is_not_there_is_an_error_even_if_another_file_is(tmp_path):
    written(tmp_path, "")
    with pytest.raises(ConfigError, match=r"LABELLOOP_CONFIG names .*gone\.yaml, which is not a file"):
        find_config(tmp_path, {"LABELLOOP_CONFIG": str(tmp_path / "gone.yaml")})


def test_without_a_file_the_remedy_is_labelloop_init(tmp_path):
    with pytest.raises(ConfigError, match=r"No labelloop\.yaml in .* Run `labelloop init`"):
        find_config(tmp_path, {})


@pytest.mark.parametrize(("own", "expected"), [("", "digits"), ("the team's", "the team's")])
def test_the_cvat_project_bears_the_name_of_the_project_unless_said_otherwise(own, expected):
    assert Settings(name="digits", annotation=AnnotationSettings(project=own)).project_name == expected
