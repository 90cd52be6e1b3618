from dataclasses import replace

import pandas as pd

from labelloop.core.annotation import JobNote
from labelloop.core.provenance import provenance, with_provenance
from labelloop_tests.core.builders import frame, shape, task


def test_each_frame_says_its_task_its_job_and_who_had_it_when():
    content = replace(
        task(frame(0, "9/a.jpg", shape(1)), frame(1, "9/b.jpg", job_id=None), task_id=9),
        project_id=4,
        jobs=(JobNote(7, "eve", "2026-01-02", completed=True),),
    )
    found = provenance([content], {"9/a.jpg": "s2", "9/b.jpg": "s1"})
    assert list(found["sample_id"]) == ["s1", "s2"]
    row = found.set_index("sample_id").loc["s2"].to_dict()
    assert row == {
        "cvat_project_id": 4, "cvat_task_id": 9, "cvat_task": "task 9", "cvat_subset": "Train", "cvat_job_id": 7,
        "cvat_frame": 0, "cvat_frame_name": "9/a.jpg", "cvat_revision": content.revision, "cvat_annotator": "eve",
        "cvat_updated": "2026-01-02", "cvat_url": "http://cvat/tasks/1",
    }  # fmt: skip
    assert pd.isna(found.loc[0, "cvat_job_id"])
    assert found.loc[0, "cvat_annotator"] == ""


def test_labels_take_over_what_they_do_not_say_themselves():
    content = task(frame(0, "a", shape(1)), task_id=9)
    boxes = pd.DataFrame({"sample_id": ["s", "other"], "task_id": [9, 9], "label": ["cat", "dog"]})
    found = with_provenance(boxes, provenance([content], {"a": "s"}))
    assert list(found["label"]) == ["cat", "dog"]
    assert found.loc[0, "cvat_revision"] == content.revision
    assert pd.isna(found.loc[1, "cvat_revision"])
    assert {"cvat_task_id", "cvat_job_id", "cvat_frame", "cvat_url"}.isdisjoint(found.columns)


def test_nothing_has_no_rows():
    assert len(provenance([], {})) == 0
