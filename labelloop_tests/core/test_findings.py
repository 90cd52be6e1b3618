import pytest

from labelloop.core.findings import Finding, Level, missing, ok, redact, summary, warning


def test_a_secret_is_hidden_wherever_somebody_put_it_and_the_longer_one_first():
    found = [missing("CVAT", "tried hunter2 and hunter22", "unset hunter2")]
    (clean,) = redact(found, ["hunter2", "hunter22", ""])
    assert (clean.detail, clean.remedy) == ("tried *** and ***", "unset ***")


@pytest.mark.parametrize(
    ("findings", "is_ok", "counts"),
    [
        ([], True, (0, 0)),
        ([ok("a", "b")], True, (0, 0)),
        ([ok("a", "b"), warning("c", "d", "e")], True, (0, 1)),
        ([missing("a", "b", "c"), warning("c", "d", "e")], False, (1, 1)),
    ],
)
def test_only_what_is_missing_makes_it_fail(findings, is_ok, counts):
    found = summary(findings)
    assert (found["ok"], found["missing"], found["warnings"]) == (is_ok, *counts)


def test_findings_are_plain_values_for_programs():
    assert summary([Finding("a", Level.WARNING, "b", "c")])["findings"] == [
        {"name": "a", "level": "warning", "detail": "b", "remedy": "c"}
    ]
