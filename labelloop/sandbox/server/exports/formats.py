"""The formats that CVAT lists. The sandbox lists them too, writes two of them, and reads none."""

from labelloop.sandbox.server.store import Row

COCO = "COCO 1.0"
CVAT_IMAGES = "CVAT for images 1.1"

WRITTEN = (COCO, CVAT_IMAGES)

# In CVAT's order; each is named with its version at the end.
_BEGINNING = ("CamVid 1.0", "Cityscapes 1.0", COCO, "COCO Keypoints 1.0")
_MIDDLE = (
    "Datumaro 1.0", "Datumaro 3D 1.0", "ICDAR Recognition 1.0", "ICDAR Localization 1.0", "ICDAR Segmentation 1.0",
    "ImageNet 1.0", "KITTI 1.0", "LabelMe 3.0", "LFW 1.0", "Market-1501 1.0", "Segmentation mask 1.1", "MOT 1.1",
    "MOTS PNG 1.0", "Open Images V6 1.0", "PASCAL VOC 1.1", "Sly Point Cloud Format 1.0", "Kitti Raw Format 1.0",
    "VGGFace2 1.0", "WiderFace 1.0", "YOLO 1.1",
)  # fmt: skip
_YOLO = "Ultralytics YOLO {} 1.0"
_BOXES, _TRACKS, _TURNED = "Detection", "Detection Track", "Oriented Bounding Boxes"

IMPORTERS = (
    *_BEGINNING, "CVAT 1.1", *_MIDDLE,
    *(_YOLO.format(task) for task in (_BOXES, "Segmentation", _TURNED, "Pose", "Classification")),
)  # fmt: skip
EXPORTERS = (
    *_BEGINNING, "CVAT for video 1.1", CVAT_IMAGES, *_MIDDLE,
    *(_YOLO.format(task) for task in (_BOXES, _TRACKS, _TURNED, "Segmentation", "Pose", "Classification")),
)  # fmt: skip

_SOLID = frozenset({"Datumaro 3D 1.0", "Sly Point Cloud Format 1.0", "Kitti Raw Format 1.0"})
_READ_FROM = {
    COCO: "JSON, ZIP", "COCO Keypoints 1.0": "JSON, ZIP", "CVAT 1.1": "XML, ZIP", "Datumaro 1.0": "JSON, ZIP",
    "Datumaro 3D 1.0": "JSON, ZIP", "Kitti Raw Format 1.0": "ZIP, XML",
}  # fmt: skip


def listed() -> Row:
    """Importers and exporters as CVAT lists them."""
    return {
        "importers": [_format(name, _READ_FROM.get(name, "ZIP")) for name in IMPORTERS],
        "exporters": [_format(name, "ZIP") for name in EXPORTERS],
    }


def _format(name: str, extension: str) -> Row:
    version, dimension = name.rsplit(maxsplit=1)[-1], "3d" if name in _SOLID else "2d"
    return {"name": name, "ext": extension, "version": version, "enabled": True, "dimension": dimension}
