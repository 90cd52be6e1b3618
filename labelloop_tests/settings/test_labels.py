import pytest
import yaml

from labelloop.core.errors import ConfigError
from labelloop.core.label_spec import AttributeSpec, LabelSpec
from labelloop.settings.labels import LabelSettings
from labelloop.settings.model import AnnotationSettings, Settings
from labelloop.settings.yaml_file import load_settings, render

LABELS = """
annotation:
  project: '12'
  pull_project: 7
  assignees: [kim, lee]
  subsets: {pool: train-2026}
  labels:
    '0': {color: '#FF0000', type: rectangle}
    'one: two':
      attributes:
        - {name: hidden, input: select, values: [none, partly, 3]}
        - {name: side, input: radio, values: [left, right], default: right, mutable: true}
        - {name: sure, input: checkbox, default: 'true'}
        - {name: age, input: number, values: [0, 10, 0.5]}
        - {name: note, input: text}
"""


def read(tmp_path, text: str) -> Settings:
    path = tmp_path / "labelloop.yaml"
    path.write_text(text, encoding="utf-8")
    return load_settings(path)


def attribute(**fields) -> str:
    return yaml.safe_dump({"annotation": {"labels": {"cat": {"attributes": [{"name": "a", **fields}]}}}})


def test_labels_are_read_as_they_are_sent(tmp_path):
    annotation = read(tmp_path, LABELS).annotation
    assert annotation.labels["0"].spec("zero") == LabelSpec("zero", "rectangle", "#ff0000")
    assert annotation.labels["one: two"].spec("x").attributes == (
        AttributeSpec("hidden", "select", ("none", "partly", "3"), "none"),
        AttributeSpec("side", "radio", ("left", "right"), "right", mutable=True),
        AttributeSpec("sure", "checkbox", (), "true"),
        AttributeSpec("age", "number", ("0", "10", "0.5"), "0"),
        AttributeSpec("note", "text"),
    )


def test_labels_are_written_and_read_back(tmp_path):
    settings = read(tmp_path, LABELS)
    assert read(tmp_path, render(settings)) == settings


def test_a_bare_number_is_an_id_and_a_quoted_one_a_name(tmp_path):
    annotation = read(tmp_path, LABELS).annotation
    assert (annotation.project, annotation.pull_project) == ("12", 7)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (attribute(input="select"), "a select needs values, each once"),
        (attribute(input="radio", values=["x", "x"]), "a radio needs values, each once"),
        (attribute(input="radio", values=["x"], default="y"), "default 'y' is none of the values x"),
        (attribute(input="number", values=[5, 1, 1]), "least, greatest and step"),
        (attribute(input="number", values=[0, 1]), "least, greatest and step"),
        (attribute(input="number", values=[0, 9, 1], default="x"), "default 'x' is no number from 0 to 9"),
        (attribute(input="checkbox", default="maybe"), 'the default of a checkbox is "true" or "false"'),
        (attribute(input="text", values=["x"]), "a text has no values"),
        (attribute(input="slider"), "'number' or 'text' (it is 'slider')"),
        (attribute(input="text", defualt="x"), "attributes.0.defualt', did you mean 'default'?"),
        ("annotation: {labels: {cat: {colour: red}}}", "annotation.labels.cat.colour', did you mean 'color'?"),
        ("annotation: {labels: {'0': {typ: red}}}", "annotation.labels.0.typ', did you mean 'type'?"),
        ("annotation: {labels: {cat: {color: red}}}", "annotation.labels.cat.color: "),
        (
            "annotation: {labels: {cat: {attributes: [{name: a, input: text}, {name: a, input: text}]}}}",
            "attribute names must be unique within a label: a",
        ),
        ("annotation: {project: true}", "annotation.project"),
        ("annotation: {overlap: 3, segment_size: 5}", "overlap 3 is more than half of segment_size 5"),
        ("annotation: {assignees: [kim, kim]}", "assignees must be unique and not empty"),
        ("annotation: {subsets: {pool: a, val: a}}", "subsets must have different names"),
        ("annotation: {bug_tracker: tickets}", "annotation.bug_tracker"),
        ("annotation: {sorting: size}", "'lexicographical' or 'random' (it is 'size')"),
    ],
)
def test_what_cvat_would_refuse_or_misread_is_said_when_the_file_is_read(tmp_path, text, said):
    with pytest.raises(ConfigError) as caught:
        read(tmp_path, text)
    assert said in str(caught.value)


def test_by_default_nothing_is_said_of_labels_and_people():
    plain = AnnotationSettings()
    assert (plain.labels, plain.assignees, plain.subsets, plain.overlap) == ({}, [], {}, 0)
    assert LabelSettings().spec("cat") == LabelSpec("cat")
