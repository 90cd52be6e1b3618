"""What a project can set: `labelloop.yaml`, validated, with every default in one place and a sentence for each key."""

from typing import Literal

from pydantic import Field, field_validator, model_validator

from labelloop.settings.batch import BatchSettings
from labelloop.settings.compute import ComputeSettings
from labelloop.settings.embedding import EmbeddingSettings, NearDuplicateSettings, ZcoreSettings
from labelloop.settings.labels import MOST_CHARACTERS, LabelSettings
from labelloop.settings.learning import CheckSettings, EvaluateSettings, MineSettings, StopSettings, TrainSettings
from labelloop.settings.pull import CvatProject, PullSettings
from labelloop.settings.section import Section

SOURCE_TYPES = Literal[
    "folder", "voc", "coco", "yolo", "cvat_xml", "fiftyone_dataset", "fiftyone_zoo", "tags", "none"
]  # fmt: skip


class SourceSettings(Section):
    """Where the images come from."""

    type: SOURCE_TYPES = Field(
        "folder",
        description="folder: images, searched recursively. voc, coco, yolo, cvat_xml, fiftyone_dataset: images with "
        "labels in that format. tags: images with a CSV or JSON of their tags. fiftyone_zoo: downloaded by its name. "
        "none: nothing here, the images come from annotation.pull_project.",
    )
    path: str = Field(
        "images", description="Folder of the source, absolute or relative to this file; fiftyone_zoo: name in the zoo."
    )
    images: str = Field("", description="Folder of the images below path; empty: voc: images, others: path itself.")
    annotations: str = Field(
        "",
        description="Labels below path: a folder, file or pattern such as annotations/instances_*.json; "
        "empty: voc: annotations, others: found by their form.",
    )
    splits: str = Field(
        "",
        description="voc: folder of train.txt, val.txt, test.txt below path; empty: splits. "
        "fiftyone_zoo: splits to download, separated by commas; empty: all.",
    )
    field: str = Field(
        "", description="fiftyone: field that holds the boxes; empty: ground_truth, human_labels, or the only one."
    )
    empty_means: Literal["auto", "background", "unlabelled"] = Field(
        "auto",
        description="An image that is listed without an object is background, or nobody has looked at it. auto: "
        "background where it has a file or field of its own (voc, yolo, fiftyone), unlabelled in coco and cvat_xml.",
    )
    shapes_as_boxes: bool = Field(
        False,
        description="Polygons and masks train through their enclosing box; false: an image with one that has no box "
        "of its own is not trained on.",
    )


class AnnotationSettings(PullSettings):
    """How images travel to CVAT and back, or are labelled in the App."""

    backend: Literal["cvat", "fiftyone"] = Field(
        "cvat",
        description="Where people draw. cvat: tasks on a CVAT server. fiftyone: the Annotate tab of the App, for one "
        "person, without a server.",
    )
    push: bool = Field(
        False,
        description="May labelloop write to a CVAT that is not its own sandbox? Nothing is sent before this is true.",
    )
    project: CvatProject = Field(
        "",
        description="CVAT project of the loop, found or created by this name; empty: the name of the project here. "
        "A number without quotes is the id of a project that is there.",
    )
    organization: str = Field("", description="Slug of the CVAT organization; empty: your personal space.")
    bug_tracker: str = Field(
        "",
        max_length=1900,
        pattern=r"^(https?://\S+)?$",
        description="Address that a new CVAT project links to as its issue tracker; empty: none.",
    )
    labels: dict[str, LabelSettings] = Field(
        default_factory=dict,
        description="What CVAT is to know of a label, by class or image class: color, type, and attributes, a list of "
        "{name, input: select | radio | checkbox | number | text, values, default, mutable}. What a project lacks is "
        "added; what it has otherwise is an error.",
    )
    subsets: dict[Literal["pool", "val", "golden", "test"], str] = Field(
        default_factory=dict,
        description="Other names for the subsets of CVAT, by split; those left out: Train, Validation, Golden, Test.",
    )
    assignees: list[str] = Field(
        default_factory=list,
        description="CVAT users who are given the jobs of a batch in turn. A job that was ever given to somebody, or "
        "begun, is left alone.",
    )
    segment_size: int = Field(50, ge=0, description="Images in one CVAT job; 0: one job for each task.")
    overlap: int = Field(
        0, ge=0, description="Images that a CVAT job shares with the one before it; at most half of segment_size."
    )
    sorting: Literal["predefined", "natural", "lexicographical", "random"] = Field(
        "predefined", description="Order of the images in a CVAT task; predefined: the most valuable first."
    )
    max_task_images: int = Field(
        1000, ge=1, description="Images in one CVAT task; a larger batch becomes several tasks."
    )
    max_task_mebibytes: int = Field(1024, ge=1, description="Size of one CVAT task in MiB.")
    image_quality: int = Field(
        95, ge=1, le=100, description="JPEG quality of the pictures annotators see; originals stay untouched."
    )
    prefill: Literal["none", "model"] = Field(
        "none",
        description="model: boxes of the newest earlier model are drawn in the CVAT tasks of v1 and later, for people "
        "to correct; faster, but people tend to accept what is there and the labels lean towards the model's mistakes.",
    )
    prefill_confidence: float = Field(
        0.5, gt=0, lt=1, description="Predictions below this are not drawn for people: a wrong box costs them work too."
    )

    @model_validator(mode="after")
    def _prefill_fits(self) -> "AnnotationSettings":
        if self.prefill != "none" and self.backend != "cvat":
            raise ValueError("annotation.prefill: model needs backend: cvat")
        return self

    @model_validator(mode="after")
    def _possible(self) -> "AnnotationSettings":
        if self.overlap > self.segment_size // 2:
            raise ValueError(f"overlap {self.overlap} is more than half of segment_size {self.segment_size}")
        if len(set(self.assignees)) < len(self.assignees) or not all(self.assignees):
            raise ValueError("assignees must be unique and not empty")
        bad = [name for name in self.subsets.values() if not 0 < len(name) <= MOST_CHARACTERS]
        if bad or len(set(self.subsets.values())) < len(self.subsets):
            raise ValueError(f"subsets must have different names of 1 to {MOST_CHARACTERS} characters")
        return self


class SplitSettings(Section):
    """How the held-out sets are cut; written once, never moved."""

    from_source: bool = Field(True, description="Keep the splits that the source brings.")
    val: float = Field(
        0.15, ge=0, description="Share (below 1) or number of images for val, which scores every iteration."
    )
    val_max: int = Field(200, ge=1, description="Most images in val.")
    golden: float = Field(0.05, ge=0, description="Share or number of images for golden, which watches the annotators.")
    golden_max: int = Field(50, ge=0, description="Most images in golden.")
    test: float = Field(0.15, ge=0, description="Share or number of images for test, which only final_report reads.")
    test_max: int = Field(300, ge=0, description="Most images in test.")
    group_by: str = Field(
        "", description="Regular expression on the path; images whose first group is equal stay in one split."
    )
    duplicate_distance: int = Field(
        6, ge=0, le=16, description="Images whose 64-bit dHash differs in at most this many bits stay in one split."
    )


class LoopSettings(Section):
    """How much the loop does by itself."""

    autostart: bool | None = Field(
        None, description="Choose and send v0 without being asked, once the pool is scored; null: in the sandbox only."
    )


class AnnotatorSettings(Section):
    """How well the sandbox's annotators work; they answer from the hidden labels of the source."""

    wrong_class: float = Field(0.0, ge=0, le=1, description="Share of boxes given a wrong class.")
    missing: float = Field(0.0, ge=0, le=1, description="Share of boxes left out.")
    shifted: float = Field(0.0, ge=0, le=1, description="Share of boxes moved by a quarter of their size.")


class Settings(Section):
    """All of `labelloop.yaml`."""

    name: str = Field(
        "labelloop",
        min_length=1,
        max_length=100,
        description="Name of the FiftyOne data set and, unless said otherwise, of the CVAT project.",
    )
    seed: int = Field(51, ge=0, description="Every random draw comes from this.")
    classes: list[str] = Field(
        default_factory=list,
        description="Classes in the order of their ids. Append only. Empty: those of the source, in its order.",
    )
    rename: dict[str, str] = Field(
        default_factory=dict,
        description="Other names for classes, old: new. Ids stay, and older labels are read under the new name.",
    )
    relabel_for: list[str] = Field(
        default_factory=list,
        description="Appended classes for which images labelled before go to people again, without being asked.",
    )
    image_classes: list[str] = Field(
        default_factory=list,
        description="Classes of whole images, several at once, in field human_tags. The App offers them; in CVAT add "
        "labels of these names and tag the images.",
    )
    media_root: str = Field(
        ".", description="Image paths are kept relative to this folder, so that a project can move."
    )
    trust_source_labels: Literal["none", "holdout", "all"] = Field(
        "none", description="Labels that the source brings count for nobody, for held-out images, or for all."
    )
    sandbox: Literal["off", "replay"] = Field(
        "off",
        description="replay: annotators answer from the source's labels; a built-in server stands in for CVAT.",
    )
    source: SourceSettings = SourceSettings()
    sources: list[SourceSettings] = Field(
        default_factory=list,
        description="Several data sets at once, each with the keys of source, which is not read then; empty: source.",
    )
    annotation: AnnotationSettings = AnnotationSettings()
    splits: SplitSettings = SplitSettings()
    embeddings: EmbeddingSettings = EmbeddingSettings()
    zcore: ZcoreSettings = ZcoreSettings()
    compute: ComputeSettings = ComputeSettings()
    near_duplicates: NearDuplicateSettings = NearDuplicateSettings()
    batch: BatchSettings = BatchSettings()
    train: TrainSettings = TrainSettings()
    evaluate: EvaluateSettings = EvaluateSettings()
    mine: MineSettings = MineSettings()
    stop: StopSettings = StopSettings()
    checks: CheckSettings = CheckSettings()
    loop: LoopSettings = LoopSettings()
    annotators: AnnotatorSettings = AnnotatorSettings()

    @field_validator("classes", "image_classes")
    @classmethod
    def _unique_names(cls, value: list[str]) -> list[str]:
        twice = sorted({name for name in value if value.count(name) > 1})
        if twice or any(not name.strip() for name in value):
            raise ValueError(f"class names must be unique and not empty: {', '.join(twice)}")
        return value

    @property
    def all_sources(self) -> list[SourceSettings]:
        """The data sets that are read, in order."""
        return self.sources or [self.source]

    @property
    def autostart(self) -> bool:
        """Whether v0 is chosen and sent without being asked."""
        return self.sandbox != "off" if self.loop.autostart is None else self.loop.autostart

    @property
    def may_push(self) -> bool:
        """Whether images may go to where people draw: in the App they leave the machine for nowhere."""
        return self.sandbox != "off" or self.annotation.push or self.in_app

    @property
    def in_app(self) -> bool:
        """Whether new batches are labelled in the App."""
        return self.annotation.backend == "fiftyone"

    @property
    def has_sandbox_server(self) -> bool:
        """Whether labelloop's own server stands in for CVAT."""
        return self.sandbox == "replay" and not self.in_app

    @property
    def golden_per_batch(self) -> int:
        """Golden images hidden in each batch. None in the App, which shows their first labels in the same field."""
        return 0 if self.in_app else self.batch.golden_per_batch

    @property
    def project_name(self) -> str | int:
        """Name of the CVAT project of the loop, or its id."""
        return self.annotation.project or self.name
