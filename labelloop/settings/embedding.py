"""Settings of the steps that look at all images at once: vectors, and scores made from them."""

from typing import Literal

from pydantic import Field, model_validator

from labelloop.settings.section import Section


class EmbeddingSettings(Section):
    """How an image becomes a vector."""

    provider: Literal["hog_hsv", "yolo", "fiftyone_zoo", "torch", "timm"] = Field(
        "hog_hsv",
        description="hog_hsv: gradients and colours, no model, no download. yolo: a YOLO checkpoint. fiftyone_zoo: "
        "a model of FiftyOne's zoo. torch: a TorchScript file. timm: an architecture with weights from a file.",
    )
    model: str = Field(
        "", description="yolo: checkpoint (.pt); torch: TorchScript file; fiftyone_zoo, timm: name of the model."
    )
    weights: str = Field("", description="timm: its weights, safetensors or a state dict (.pth).")
    imgsz: int = Field(224, ge=32, description="yolo, torch: side of the square image the network sees, in pixels.")
    normalize: Literal["imagenet", "none"] = Field(
        "imagenet", description="torch: pixels by the mean and deviation of ImageNet, or plainly from 0 to 1."
    )
    batch_size: int = Field(32, ge=1, description="Images in one pass of a network.")
    device: str = Field("auto", description="auto, cpu, mps, 0 …")
    precision: Literal["full", "auto"] = Field(
        "full",
        description="yolo, torch, timm: auto computes in half precision on a GPU of NVIDIA, and stores in full.",
    )

    patches: bool = Field(
        False,
        description="Embed boxes as well, those people drew and those the newest model predicts on val: the App maps "
        "them, and a box that lies among boxes of another class is listed.",
    )

    @model_validator(mode="after")
    def _complete(self) -> "EmbeddingSettings":
        for key, needed_by in (("model", ("yolo", "fiftyone_zoo", "torch", "timm")), ("weights", ("timm",))):
            if self.provider in needed_by and not getattr(self, key):
                raise ValueError(f"provider {self.provider} needs embeddings.{key}")
        return self

    @property
    def recipe(self) -> dict[str, str | int]:
        """What decides the vectors; how fast they come does not. The precision is in the version of the provider."""
        return self.model_dump(exclude={"batch_size", "device", "precision", "patches"})


class NearDuplicateSettings(Section):
    """Which images look nearly the same, by their embeddings."""

    threshold: float = Field(0.9, gt=0, le=1, description="Least cosine of two embeddings of near-duplicates.")
    centre: bool = Field(
        True,
        description="Subtract the mean of the pool's embeddings first, as FiftyOne does: what all images share says "
        "nothing about two of them. Without it choose a higher threshold.",
    )
    exact_up_to: int = Field(
        50_000,
        ge=0,
        description="Most images of which each is compared with all. Beyond, by faiss (labelloop[scale]): with those "
        "near the same centres, if that finds 99 % of the pairs of a sample.",
    )


class ZcoreSettings(Section):
    """ZCore: coverage against redundancy, from embeddings alone (Griffin et al. 2024)."""

    n_sample: int = Field(10_000, ge=1, description="Random points of embedding space whose nearest image is rewarded.")
    sample_dim: int = Field(2, ge=1, description="Dimensions of embedding space each point is drawn in.")
    redund_nn: int = Field(100, ge=1, description="Neighbours of a rewarded image that are penalised.")
    redund_exp: int = Field(4, ge=1, description="Exponent by which the penalty falls with distance.")
