"""Names of the small records that are kept of one task, or of the edits of the App, beside those of their batch."""

FROM_APP = "from-app"


def of_task(task_id: int | str) -> str:
    """Name of the record of a task; with `*` the pattern of all."""
    return f"task-{task_id}"


def in_batch(batch: str, task_id: int | str) -> str:
    """The same where the records of a batch have a folder of their own."""
    return f"{batch}/{of_task(task_id)}"
