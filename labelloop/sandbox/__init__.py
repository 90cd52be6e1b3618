"""The embedded world: generated scenes, a CVAT-compatible server and simulated annotators."""
