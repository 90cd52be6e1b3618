"""Rows as CVAT writes them into JSON: one module per noun."""
