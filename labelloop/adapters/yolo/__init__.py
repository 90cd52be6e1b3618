"""Ultralytics YOLO: the detector that learns. torch and ultralytics are imported inside functions only."""
