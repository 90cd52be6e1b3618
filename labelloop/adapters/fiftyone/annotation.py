"""A batch in the App: what people are asked to draw there, and where they find it."""

import base64
from collections.abc import Mapping, Sequence
from typing import Any

import pandas as pd

from labelloop.adapters.fiftyone.dataset import LoopDataset
from labelloop.core.annotation import AnnotatedFrame
from labelloop.core.vocabulary import AnnotationStatus, Field, Tag, annotated_tag, batch_tag, batch_view

MOST_BUTTONS = 5  # classes shown side by side; more are a list to choose from, as FiftyOne does it
DONE = {Field.STATUS.value: AnnotationStatus.ANNOTATED.value}


def offer_schema(loop: LoopDataset, classes: Sequence[str], image_classes: Sequence[str]) -> None:
    """Have the App's Annotate tab offer these classes, and the status that says that an image is done.

    What people added to a label schema there stays: only the classes are ours.
    """
    import fiftyone as fo

    _require_field(loop, Field.HUMAN_LABELS, fo.Detections)
    schemas = {Field.HUMAN_LABELS: _label_schema("detections", classes)}
    if image_classes:
        _require_field(loop, Field.HUMAN_TAGS, fo.Classifications)
        schemas[Field.HUMAN_TAGS] = _label_schema("classifications", image_classes)
    known = loop.dataset.label_schemas
    for field, schema in schemas.items():
        loop.dataset.update_label_schema(str(field), {"attributes": [], **known.get(field, {}), **schema})
    states = [AnnotationStatus.SELECTED.value, AnnotationStatus.ANNOTATED.value]
    loop.dataset.update_label_schema(str(Field.STATUS), {"type": "str", "component": "radio", "values": states})
    loop.dataset.activate_label_schemas([*map(str, schemas), str(Field.STATUS)])
    _draw_fields(loop, [str(field) for field in schemas])


def ask_for(loop: LoopDataset, batch: str, sample_ids: Sequence[str]) -> None:
    """Ask people to label these images: tags, status, and views of the batch and of all that waits."""
    loop.replace_tag(batch_tag(batch), sample_ids)
    view = loop.view_of(sample_ids)
    view.tag_samples(Tag.TO_ANNOTATE)
    view.set_values(Field.STATUS, [AnnotationStatus.SELECTED] * len(view))
    show_where(loop, batch)


def show_where(loop: LoopDataset, batch: str) -> None:
    """The saved view of a batch, and the one of all images that wait."""
    in_batch = loop.dataset.match_tags(batch_tag(batch))
    loop.save_view(batch_view(batch), in_batch, f"Images of {batch}, to be labelled in the Annotate tab")
    waiting = loop.dataset.match_tags(Tag.TO_ANNOTATE).match({Field.STATUS.value: AnnotationStatus.SELECTED.value})
    loop.save_view(Tag.TO_ANNOTATE, waiting, "Images that wait for you, of all batches")


def settle(loop: LoopDataset, sample_ids: Sequence[str]) -> None:
    """Call these images done, in whichever way people said so."""
    view = loop.view_of(sample_ids)
    view.untag_samples(Tag.TO_ANNOTATE)
    view.set_values(Field.STATUS, [AnnotationStatus.ANNOTATED] * len(view))


def show_taken(loop: LoopDataset, batch: str, reviewed: Sequence[str]) -> None:
    """Labels of these images were taken; what is drawn stays as it is, and nothing drawn becomes an empty list."""
    import fiftyone as fo

    loop.replace_tag(annotated_tag(batch), reviewed)
    bare = loop.view_of(reviewed).exists(Field.HUMAN_LABELS, False)
    bare.set_values(Field.HUMAN_LABELS, [fo.Detections() for _ in range(len(bare))])


def draw(loop: LoopDataset, frames: Sequence[AnnotatedFrame]) -> None:
    """Put on images what `drawing` read from them, number for number."""
    drawn = {frame.name: _detections(frame) for frame in frames if frame.shapes}
    if drawn:
        loop.set_values(Field.HUMAN_LABELS, drawn)
    tagged = [(frame.name, tag["label"]) for frame in frames for tag in frame.tags]
    loop.show_tags(pd.DataFrame(tagged, columns=["sample_id", "label"]), sorted({name for name, _ in tagged}))


def _detections(frame: AnnotatedFrame) -> Any:
    import fiftyone as fo

    return fo.Detections(detections=[_detection(shape) for shape in frame.shapes])


def _detection(shape: Mapping[str, Any]) -> Any:
    import fiftyone as fo

    made = fo.Detection(label=shape["label"] or None, bounding_box=shape["bounding_box"])
    if "mask" in shape:
        made.mask = fo.core.utils.deserialize_numpy_array(base64.b64decode(shape["mask"]))
    if "mask_path" in shape:
        made.mask_path = shape["mask_path"]
    return made


def _label_schema(kind: str, classes: Sequence[str]) -> dict[str, Any]:
    component = "radio" if len(classes) <= MOST_BUTTONS else "dropdown"
    return {"type": kind, "component": component, "classes": list(classes)}


def _require_field(loop: LoopDataset, field: Field, kind: type) -> None:
    import fiftyone as fo

    if not loop.dataset.has_field(field):
        loop.dataset.add_sample_field(str(field), fo.EmbeddedDocumentField, embedded_doc_type=kind)


def _draw_fields(loop: LoopDataset, fields: Sequence[str]) -> None:
    """Have the App draw these fields too: it lets people edit only what it draws."""
    import fiftyone.core.odm as foo

    active = loop.dataset.app_config.active_fields
    shown = list(active.paths or []) if active is not None and not active.exclude else []
    loop.dataset.app_config.active_fields = foo.ActiveFields(
        exclude=False, paths=[*shown, *(field for field in fields if field not in shown)]
    )
    loop.dataset.save()
