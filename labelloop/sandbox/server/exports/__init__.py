"""Datasets as CVAT exports them: COCO 1.0 and CVAT for images 1.1."""

COCO = "COCO 1.0"
CVAT_IMAGES = "CVAT for images 1.1"

FORMATS = (COCO, CVAT_IMAGES)
