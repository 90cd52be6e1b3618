"""FiftyOne is a projection of the files: whatever happened, it shows what `labelloop rebuild` makes of them."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from labelloop.adapters.cvat.jobs import complete_job, delete_frames, jobs_of_task, put_job_annotations, reopen_job
from labelloop.core.vocabulary import HOLDOUT, Field, Split
from labelloop.resources.backups import backups
from labelloop.resources.pulled_images import pulled_samples
from labelloop_tests.annotating import finish, without_the_last
from labelloop_tests.assets.test_pull import CLASSES, finished_task
from labelloop_tests.assets.test_pull_modes import data_set
from labelloop_tests.projection import differences, rebuilt, shown
from labelloop_tests.worlds import World

PULL = {"segment_size": 5, "pull_project": "Existing"}


class History:
    """What people and the loop did to a project, one step after the other."""

    def __init__(self, world: World, folder: Path) -> None:
        self.world, self.folder = world, folder
        self.task = 0

    @property
    def server(self):
        return self.world.cvat.server(self.world.now)

    def images(self, split: str, count: int, *, of: set[str] | None = None) -> list[Path]:
        """The first images of a split, or those of it that are among some."""
        now = self.world.now
        paths = now.ledger.samples().set_index("sample_id")["path"]
        wanted = [each for each in now.ledger.in_split(split) if of is None or each in of]
        return [now.home.locate(paths[each]) for each in wanted[:count]]

    def take_out(self, task: int, frames: list[int]) -> None:
        """Somebody takes a finished task up again, deletes frames of it, and finishes it."""
        delete_frames(self.server, task, frames)
        for job in jobs_of_task(self.server, task):
            reopen_job(self.server, job.job_id)
            complete_job(self.server, job.job_id)

    # -- steps --------------------------------------------------------------------------------------------------

    def turn_v0(self) -> None:
        self.world.turn_v0()

    def pull_over_batch_and_holdout(self) -> None:
        """People's own task has images of v0, val, golden and test, one of the pool, and one that is new."""
        Image.fromarray(np.random.default_rng(7).integers(0, 256, (64, 64, 3), dtype=np.uint8)).save(
            self.folder / "new.png"
        )
        batch = self.world.now.ledger.selected()
        held_out = [path for split in (Split.VAL, Split.GOLDEN, Split.TEST) for path in self.images(split, 2)]
        rest = set(self.world.now.ledger.in_split(Split.POOL)) - batch
        own = [*self.images(Split.POOL, 2, of=batch), *self.images(Split.POOL, 3, of=rest)]
        self.task = finished_task(self.world, [*own, *held_out, self.folder / "new.png"])
        self.world.turn([("prepare_pool", None)])

    def turn_v1(self) -> None:
        self.world.turn([("next_batch", "v1")])
        self.world.annotate()
        self.world.turn([("label_loop", "v1")])

    def send_v2(self) -> None:
        self.world.turn([("next_batch", "v2")])

    def delete_images_of_v0(self) -> None:
        self.take_out(self.world.now.ledger.read("tasks", "v0")["tasks"][0]["task_id"], [0, 3])
        self.world.turn([("take_batch", "v0")])

    def draw_v1_anew(self) -> None:
        finish(self.world, "v1", without_the_last)
        self.world.turn([("take_batch", "v1")])

    def change_the_pulled_task(self) -> None:
        self.take_out(self.task, [2, 4])
        self.world.turn([("prepare_pool", None)])

    def correct_the_holdout(self) -> None:
        finish(self.world, HOLDOUT, without_the_last)
        self.take_out(self.world.now.ledger.read("tasks", HOLDOUT)["tasks"][0]["task_id"], [1])
        self.world.turn([("take_holdout", None)])

    def score_again(self) -> None:
        self.world.turn([("score_again", "v0")])

    def go_through_labelled_images_again(self) -> None:
        self.world.configure(classes=list(CLASSES), relabel_for=["three"])
        self.world.turn([("send_relabel", None)])
        self.world.annotate()
        self.world.turn([("take_relabel", None)])

    def delete_an_image_that_was_gone_through_again(self) -> None:
        """It is in v0 and was labelled there; what it showed counts no more, so it is not shown either."""
        ledger = self.world.now.ledger
        task = ledger.read("tasks", "relabel-1")["tasks"][-1]
        frame, sample_id = next(iter(task["frames"].items()))
        contents = {each.task_id: each for each in ledger.contents("relabel-1")[0]}
        [number] = [each.frame for each in contents[task["task_id"]].frames if each.name == frame]
        assert labels_of(self.world, sample_id)
        self.take_out(task["task_id"], [number])
        self.world.turn([("take_relabel", None)])
        assert labels_of(self.world, sample_id) is None

    def embed_no_boxes_any_more(self) -> None:
        self.world.configure(embeddings={"patches": False})

    def take_v0_again(self) -> None:
        finish(self.world, "v0", without_the_last)
        self.world.turn([("take_batch", "v0")])

    def report_on_test(self) -> None:
        assert self.world.run("final_evaluation").success
        self.world.annotate()
        self.world.turn([("final_evaluation", None)])

    def empty_the_pulled_task(self) -> None:
        for job in jobs_of_task(self.server, self.task):
            reopen_job(self.server, job.job_id)
            put_job_annotations(self.server, job.job_id, [])
            complete_job(self.server, job.job_id)
        self.world.turn([("prepare_pool", None)])

    def pull_afresh_without_the_task(self) -> None:
        other = finished_task(self.world, self.images(Split.POOL, 1))
        self.server.write("DELETE", f"/api/tasks/{self.task}", "deleting as people do")
        self.world.configure(annotation=PULL | {"pull_mode": "force_refresh"})
        self.world.turn([("prepare_pool", None)])
        self.task = other

    def bring_an_image_of_v0_back(self) -> None:
        self.take_out(self.world.now.ledger.read("tasks", "v0")["tasks"][0]["task_id"], [3])
        self.world.turn([("take_batch", "v0")])


def labels_of(world: World, sample_id: str) -> object:
    """What field `human_labels` of an image holds."""
    found = shown(world)[f"sample {sample_id[:8]}"]
    return found.get(str(Field.HUMAN_LABELS))


@pytest.mark.slow
def test_whatever_happened_fiftyone_shows_what_a_rebuild_shows(world, tmp_path: Path) -> None:
    one = world(classes=list(CLASSES)[:3], annotation=PULL, embeddings={"patches": True})
    history = History(one, tmp_path)
    finished_task(one, sorted((tmp_path / "scenes" / "images").glob("*.jpg"))[:1])
    chapters: list[tuple[Callable[[], None], ...]] = [
        (history.turn_v0, history.pull_over_batch_and_holdout, history.turn_v1, history.send_v2),
        (history.delete_images_of_v0, history.draw_v1_anew, history.change_the_pulled_task),
        (history.correct_the_holdout, history.go_through_labelled_images_again, history.take_v0_again),
        (history.report_on_test, history.empty_the_pulled_task, history.score_again),
        (history.delete_an_image_that_was_gone_through_again, history.embed_no_boxes_any_more, history.take_v0_again),
        (history.pull_afresh_without_the_task, history.bring_an_image_of_v0_back),
    ]
    for chapter in chapters:
        for step in chapter:
            step()
        found = differences(shown(one), rebuilt(one))
        assert found == [], f"after {step.__name__}"
    kept = [path.name for path in one.now.home.root.glob("backups/*/*") if path.name.startswith(("from-app", "in-app"))]
    assert kept == [], "nobody changed a label in the App"


def draw(sample: Any, label: str) -> None:
    """What a person does in the App."""
    import fiftyone as fo  # noqa: PLC0415  only after the database is known

    sample[str(Field.HUMAN_LABELS)].detections.append(fo.Detection(label=label, bounding_box=[0.1, 0.2, 0.3, 0.4]))


@pytest.mark.slow
def test_what_was_changed_in_the_app_on_labels_of_another_batch_is_kept_before_a_pull_shows_them_anew(
    world, tmp_path: Path
) -> None:
    one = world(classes=list(CLASSES)[:3], annotation=PULL)
    history = History(one, tmp_path)
    finished_task(one, sorted((tmp_path / "scenes" / "images").glob("*.jpg"))[:1])
    history.turn_v0()
    history.pull_over_batch_and_holdout()
    pulled, v0 = pulled_samples(one.now), set(one.now.ledger.manifest("v0")["sample_id"])
    for chosen in (min(pulled & v0), min(v0 - pulled)):
        sample = data_set(one).match({str(Field.SAMPLE_ID): chosen}).first()
        draw(sample, one.now.ledger.schema().classes[0])
        sample.save()
    history.change_the_pulled_task()
    [kept] = backups(one.now, "v0")
    assert kept.name.startswith("from-app-")
    [taken] = one.now.ledger.contents("v0")[0]
    more = {
        frame.name: len(frame.shapes) - len(before.shapes)
        for frame, before in zip(kept.content.frames, taken.frames, strict=True)
    }
    name_of = {sample_id: name for name, sample_id in one.now.ledger.samples_of_frames("v0").items()}
    assert {name: count for name, count in more.items() if count} == {name_of[min(pulled & v0)]: 1}
    assert not list(one.now.home.root.glob("backups/source/*"))
