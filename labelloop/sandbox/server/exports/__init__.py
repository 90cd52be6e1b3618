"""Datasets as CVAT exports them, and backups."""
