"""The magic strings of the loop, each spelled once: splits, statuses, fields, tags, views, keys, columns."""

import re
from enum import StrEnum

from labelloop.core.errors import LabelError

ITERATION_PATTERN = re.compile(r"v(0|[1-9][0-9]*)")


class Split(StrEnum):
    """Where a sample stands for good: `pool` may be selected, the others are held out."""

    POOL = "pool"
    VAL = "val"
    GOLDEN = "golden"
    TEST = "test"
    LEAK = "leak"  # a newcomer that nearly equals a held-out image: neither selected nor scored

    @property
    def tag(self) -> str:
        """The tag a sample of this split carries in FiftyOne."""
        return "excluded:leak" if self is Split.LEAK else f"split:{self.value}"


HELD_OUT = (Split.VAL, Split.GOLDEN, Split.TEST)

SPLIT_VIEWS = {Split.TEST: "test_set", Split.VAL: "val_set", Split.GOLDEN: "golden_qa", Split.POOL: "pool"}

# What other tools and people call the same split.
SPLIT_ALIASES = {
    "train": Split.POOL, "training": Split.POOL, "pool": Split.POOL, "trainval": Split.POOL,
    "val": Split.VAL, "valid": Split.VAL, "validation": Split.VAL,
    "test": Split.TEST, "testing": Split.TEST, "golden": Split.GOLDEN, "golden_qa": Split.GOLDEN,
}  # fmt: skip


class JobName(StrEnum):
    """Dagster jobs: each is the machine's work between two pieces of human work."""

    PREPARE_POOL = "prepare_pool"
    SEND_HOLDOUT = "send_holdout"
    TAKE_HOLDOUT = "take_holdout"
    NEXT_BATCH = "next_batch"
    LABEL_LOOP = "label_loop"
    TAKE_BATCH = "take_batch"
    SEND_RELABEL = "send_relabel"
    TAKE_RELABEL = "take_relabel"
    SCORE_AGAIN = "score_again"
    FINAL_EVALUATION = "final_evaluation"


# The assets of each job. While one of them runs, it holds the lock of its name and iteration.
STEPS = {
    JobName.PREPARE_POOL: ("source_images", "cvat_pull", "splits", "embeddings", "zcore_scores", "near_duplicates"),
    JobName.SEND_HOLDOUT: ("holdout_batch",),
    JobName.TAKE_HOLDOUT: ("annotated_holdout",),
    JobName.NEXT_BATCH: ("batch",),
    JobName.LABEL_LOOP: ("annotated_batch", "trained_model", "eval_report", "failure_mined_batch", "patch_embeddings"),
    JobName.TAKE_BATCH: ("annotated_batch",),
    JobName.SEND_RELABEL: ("relabel_batch",),
    JobName.TAKE_RELABEL: ("annotated_relabel",),
    JobName.SCORE_AGAIN: ("eval_report",),
    JobName.FINAL_EVALUATION: ("final_report",),
}


class AnnotationStatus(StrEnum):
    """How far a sample is on its way through annotation."""

    UNLABELED = "unlabeled"
    SELECTED = "selected"
    ANNOTATED = "annotated"
    PENDING = "pending"


class Field(StrEnum):
    """Fields of a FiftyOne sample that labelloop owns."""

    SAMPLE_ID = "sample_id"
    GROUND_TRUTH = "ground_truth"  # boxes that the source brought, with their instance masks
    GROUND_TRUTH_POLYLINES = "ground_truth_polylines"
    GROUND_TRUTH_KEYPOINTS = "ground_truth_keypoints"
    GROUND_TRUTH_TAGS = "ground_truth_tags"
    HUMAN_LABELS = "human_labels"
    HUMAN_TAGS = "human_tags"  # classes of whole images
    # What people drew and no detector learns from: boxes of tracks and those set aside, instance masks; then the rest.
    HUMAN_SHAPES = "human_shapes"
    HUMAN_POLYLINES = "human_polylines"
    HUMAN_KEYPOINTS = "human_keypoints"
    HUMAN_CLASSIFICATIONS = "human_classifications"
    STATUS = "annotation_status"
    ZCORE = "zcore"
    NEAR_DUPLICATES = "near_duplicates"  # the image that stands for its group; also the saved view of all groups
    CVAT_URL = "cvat_url"  # the task the sample was sent with last
    DAGSTER_URL = "dagster_url"  # the asset that sent it


SHAPE_FIELDS = (Field.HUMAN_SHAPES, Field.HUMAN_POLYLINES, Field.HUMAN_KEYPOINTS, Field.HUMAN_CLASSIFICATIONS)


class Provenance(StrEnum):
    """Fields of a FiftyOne sample, and attributes of a label, that say where in CVAT it comes from."""

    PROJECT_ID = "cvat_project_id"
    TASK_ID = "cvat_task_id"
    TASK = "cvat_task"  # its name
    SUBSET = "cvat_subset"
    JOB_ID = "cvat_job_id"
    FRAME = "cvat_frame"  # number within the task
    FRAME_NAME = "cvat_frame_name"
    REVISION = "cvat_revision"  # of the task's content
    ANNOTATOR = "cvat_annotator"  # assignee of the job when it was taken
    UPDATED = "cvat_updated"  # when the job was changed last


class PullMode(StrEnum):
    """How far tasks that are here already are read again; explained at `annotation.pull_mode`."""

    TASK_TRACKING = "task_tracking"
    SKIP_EXISTING = "skip_existing"
    FORCE_REFRESH = "force_refresh"
    SKIP_IF_EXIST = "skip_if_exist"


class LabelKind(StrEnum):
    """What a label of a source is, whatever its format calls it."""

    BOX = "box"
    POLYGON = "polygon"
    POLYLINE = "polyline"
    POINTS = "points"
    MASK = "mask"
    TAG = "tag"  # of the image, not of an object in it
    OTHER = "other"  # an object in a form that labelloop keeps but cannot show: ellipse, cuboid, crowd


class Backend(StrEnum):
    """Where people draw a batch; stored with it, so that a batch ends where it began."""

    CVAT = "cvat"
    FIFTYONE = "fiftyone"


class Tag(StrEnum):
    """Tags that do not depend on the iteration."""

    TO_ANNOTATE = "to_annotate"
    SOURCE_ANNOTATED = "annotated:source"
    REMOVED = "removed_in_cvat"  # its frame was deleted there: it is kept, and not trained on


class Source(StrEnum):
    """Why a row of a batch manifest is there."""

    COVERAGE = "coverage"  # it stands for a part of the pool that nothing else covers
    FAILURE = "failure"  # it looks like images on which the model failed
    RANDOM = "random"  # it was drawn
    DIVERSITY = "diversity"  # it is far from all that is labelled or chosen
    TYPICAL = "typical"  # many images look like it
    UNCERTAINTY = "uncertainty"  # the model is unsure of what it sees on it
    BACKFILL = "backfill"  # another source ran dry, coverage filled the quota
    GOLDEN = "golden"  # a golden image, hidden in the batch to be annotated again, blind


class Fate(StrEnum):
    """What became of a box that a model drew before people began, or of one that came back."""

    UNTOUCHED = "untouched"
    EDITED = "edited"  # moved, or given another class
    DELETED = "deleted"
    REMOVED = "removed"  # with its whole image, which says nothing about the box
    ADDED = "added"


class DrawnBy(StrEnum):
    """Where a box of a label version comes from: CVAT's own words, and `edited` for a model's box that was changed."""

    MANUAL = "manual"
    AUTO = "auto"
    SEMI_AUTO = "semi-auto"  # CVAT's word for an automatic shape that somebody changed in its editor
    EDITED = "edited"


AUTOMATIC = (DrawnBy.AUTO, DrawnBy.SEMI_AUTO)

# Subset of a CVAT task for each split; CVAT takes any name, these are the ones its users expect.
SUBSETS = {Split.POOL: "Train", Split.VAL: "Validation", Split.TEST: "Test", Split.GOLDEN: "Golden"}


class Quarantine(StrEnum):
    """Why an image or a shape was set aside, counted and listed instead of used."""

    ZERO_BYTES = "file is empty"
    NOT_AN_IMAGE = "not an image"
    TRUNCATED = "truncated or damaged image"
    UNREADABLE = "cannot be read"
    UNKNOWN_CLASS = "class not in the schema"
    UNSUPPORTED_SHAPE = "shape that cannot be shown"
    DEGENERATE = "box without area"
    OUT_OF_FRAME = "box reaches out of the image"
    DUPLICATE = "same box drawn twice"
    SECOND_FRAME = "image that an earlier frame of its task shows as well"


ITERATION = "iteration"  # name of Dagster's dynamic partitions

# What stands where an iteration stands, for work that belongs to none.
HOLDOUT = "holdout"  # the one batch of held-out images
TEST = "test"  # the test split, in CVAT once its report is asked for
SOURCE = "source"  # the finished tasks of an existing CVAT project
POOL = "pool"  # the preparation of the pool
RELABEL = "relabel"  # labelled images that people go through again for classes that came later
UNPARTITIONED = (HOLDOUT, POOL, RELABEL)  # work that belongs to no iteration, as jobs name it
IMG_VIZ = "img_viz"  # brain key of the 2-D map in the App
MAP_WORKSPACE = "map"  # saved workspace with that map beside the images
PATCH_VIZ = "patch_viz"  # brain key of the 2-D map of boxes that people drew, and saved workspace with it


def iteration_number(key: str) -> int:
    """Number of an iteration key: `v10` is 10.

    Raises:
        LabelError: If the key is not `v` and a number without leading zeros.
    """
    match = ITERATION_PATTERN.fullmatch(key)
    if match is None:
        raise LabelError(f"'{key}' is not an iteration", "Iterations are called v0, v1, v2, …")
    return int(match.group(1))


def relabel_name(number: int) -> str:
    """Name of the `number`-th batch of labelled images that people go through again, from 1 on."""
    return f"{RELABEL}-{number}"


def is_by_split(batch: str) -> bool:
    """Whether a batch may hold images of several splits, each row's `source` being its split."""
    return batch in (HOLDOUT, TEST) or batch.startswith(f"{RELABEL}-")


def previous_iteration(key: str) -> str | None:
    """The iteration before `key`, or None before v0."""
    number = iteration_number(key)
    return f"v{number - 1}" if number else None


def next_iteration(key: str) -> str:
    """The iteration after `key`."""
    return f"v{iteration_number(key) + 1}"


def final_name(iteration: str) -> str:
    """What stands for an iteration in the names of fields and eval keys of its final report."""
    return f"{TEST}_{iteration}"


def batch_tag(iteration: str) -> str:
    """Tag of the samples selected for an iteration."""
    return f"batch:{iteration}"


def annotated_tag(iteration: str) -> str:
    """Tag of the samples whose labels came back with an iteration."""
    return f"annotated:{iteration}"


def source_tag(source: str) -> str:
    """Tag that says why a sample was selected."""
    return f"source:{source}"


def slug(name: str) -> str:
    """What stands for a saved view or workspace in an address of the App, by FiftyOne's rule (`to_slug`)."""
    return re.sub(r"[\s+_.-]+", "-", re.sub(r"[^A-Za-z0-9\s+_.-]", "", name)).strip("-").lower()


def batch_view(iteration: str) -> str:
    """Saved view of an iteration's batch."""
    return f"batch_{iteration}"


def predictions_field(iteration: str) -> str:
    """Field of what the model of an iteration predicted; kept, never overwritten by the next one."""
    return f"predictions_{iteration}"


def eval_key(iteration: str) -> str:
    """Eval key, and key in `dataset.info`, of an iteration's evaluation."""
    return f"eval_{iteration}"


def failures_view(iteration: str) -> str:
    """Saved view of the images an iteration's model failed on."""
    return f"eval_{iteration}_failures"


def failure_tag(kind: str, iteration: str) -> str:
    """Tag of samples with many false negatives (`fn`) or false positives (`fp`) in an iteration."""
    return f"failure:high_{kind}:{iteration}"
