"""Images that are damaged when the hold-out goes out: named, left out, and sent when they are back."""

import uuid

import pandas as pd
import pytest

from labelloop.core.errors import MissingStateError
from labelloop.core.vocabulary import HOLDOUT, Split
from labelloop.resources import outgoing
from labelloop.resources.holdout import extend_holdout_batch
from labelloop.resources.project import Project
from labelloop.sensors.looking import look_at_loop
from labelloop_tests.sending import Place, place, project_to_send, through

__all__ = ["place"]

IMAGES = ["a.png", "b.png", "c.png"]


@pytest.fixture
def now(tmp_path) -> Project:
    return held_out(project_to_send(tmp_path, IMAGES))


def held_out(project: Project) -> Project:
    ids = project.ledger.samples()["sample_id"]
    project.ledger.save_splits(
        pd.DataFrame({"sample_id": ids, "split": str(Split.VAL), "group": ids, "origin": "cut", "version": 1})
    )
    return project


def damaged(now: Project, name: str) -> tuple[str, bytes]:
    """Cut a file off; its sample, and what it held."""
    path = now.config.parent / name
    samples = now.ledger.samples()
    [sample_id] = samples.loc[samples["path"].str.endswith(name), "sample_id"]
    content = path.read_bytes()
    path.write_bytes(content[:40])
    return str(sample_id), content


def rows(now: Project) -> dict[str, int]:
    return {row["sample_id"]: row.get("part", 1) for row in now.ledger.read("batches", HOLDOUT)["rows"]}


def test_a_damaged_image_is_left_out_with_its_reason_and_follows_when_it_is_back(now, tmp_path):
    sample_id, content = damaged(now, "b.png")
    extend_holdout_batch(now)
    others = set(now.ledger.samples()["sample_id"]) - {sample_id}
    assert rows(now) == dict.fromkeys(others, 1)
    record = now.ledger.read("batches", HOLDOUT)
    assert "is not what it was when it was registered" in record["left_out"][sample_id]
    assert list(outgoing.told_of_left_out(record["left_out"])) == ["chosen, not sent"]
    extend_holdout_batch(now)
    assert now.ledger.read("batches", HOLDOUT) == record
    (tmp_path / "b.png").write_bytes(content)
    extend_holdout_batch(now)
    assert rows(now) == {**dict.fromkeys(others, 1), sample_id: 2}
    assert outgoing.told_of_left_out(now.ledger.read("batches", HOLDOUT).get("left_out", {})) == {}


def test_an_image_that_is_damaged_after_it_was_chosen_goes_from_the_rows_unless_it_was_sent(now):
    extend_holdout_batch(now)
    first, _ = damaged(now, "a.png")
    second, _ = damaged(now, "b.png")
    now.ledger.write("tasks", HOLDOUT, {"tasks": [{"frames": {"b": second}}]})
    extend_holdout_batch(now)
    assert set(rows(now)) == set(now.ledger.samples()["sample_id"]) - {first}
    assert list(now.ledger.read("batches", HOLDOUT)["left_out"]) == [first]


def test_a_hold_out_of_which_nothing_can_be_read_is_refused(now):
    for name in IMAGES:
        damaged(now, name)
    with pytest.raises(MissingStateError, match=r"None of the 3 images of the hold-out can be sent: .*a\.png"):
        extend_holdout_batch(now)
    assert now.ledger.read_or_none("batches", HOLDOUT) is None


@pytest.mark.parametrize("lost", [("tasks", "cuts", "batches"), ("tasks", "cuts")], ids=["all lost", "rows there"])
def test_a_task_that_nothing_here_speaks_of_any_more_is_found_although_an_image_of_it_is_damaged(place, tmp_path, lost):
    now = held_out(project_to_send(tmp_path, IMAGES, project=f"lost {uuid.uuid4().hex[:8]}"))
    before = send_holdout(now, place)
    for kind in lost:
        now.ledger.remove(kind, HOLDOUT)
    damaged(now, "b.png")
    assert send_holdout(now, place) == before
    assert len(place.listed("tasks", project_id=before["project_id"])) == 1


def send_holdout(now: Project, place: Place) -> dict:
    """What the asset `holdout_batch` does with CVAT."""
    cvat = through(place.server)
    cvat.settle(now, HOLDOUT)
    extend_holdout_batch(now)
    return cvat.send(now, HOLDOUT, now.ledger.manifest(HOLDOUT), lambda _: None)


def test_what_was_left_out_is_not_asked_for_by_the_sensor(now):
    sample_id, _ = damaged(now, "b.png")
    extend_holdout_batch(now)
    others = sorted(set(now.ledger.samples()["sample_id"]) - {sample_id})
    now.ledger.write("tasks", HOLDOUT, {"tasks": [{"frames": {str(n): each for n, each in enumerate(others)}}]})
    loop = look_at_loop(now)
    assert (loop.holdout_sent, loop.unsent) == (True, "")
