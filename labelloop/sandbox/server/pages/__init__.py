"""Pages for people: what is in the sandbox, and each task's images with their boxes."""
