"""Ways from a page of the Dagster UI to the people's tools."""

import dagster as dg

from labelloop.resources.project import Project


def links(now: Project, sent: dict, view: str = "") -> dict[str, dg.MetadataValue]:
    """Links to the CVAT tasks of a batch, and the name of its saved view in the App."""
    tasks = "\n".join(f"- [{task['name']}]({task['url']}): {len(task['frames'])} images" for task in sent["tasks"])
    found: dict[str, dg.MetadataValue] = {
        "CVAT project": dg.MetadataValue.url(sent["project_url"]),
        "CVAT tasks": dg.MetadataValue.md(tasks),
    }
    if view:
        found["FiftyOne view"] = dg.MetadataValue.text(f"data set {now.settings.name}, saved view {view}")
    return found
