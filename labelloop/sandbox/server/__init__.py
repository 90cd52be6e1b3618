"""A CVAT-compatible server for the sandbox: Starlette over SQLite and plain files, run as a process of its own."""
