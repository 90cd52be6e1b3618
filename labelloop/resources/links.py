"""Ways between the places where people work: Dagster's pages of assets, the App's saved views, CVAT's tasks."""

from collections.abc import Collection

import dagster as dg

from labelloop.adapters.app_server import app_url
from labelloop.adapters.dagster_servers import asset_url
from labelloop.adapters.fiftyone.dataset import LoopDataset
from labelloop.adapters.files.ledger import HOLDOUT
from labelloop.core.vocabulary import Backend, Source
from labelloop.resources.project import Project


def links(now: Project, sent: dict, view: str = "") -> dict[str, dg.MetadataValue]:
    """Links to the CVAT tasks of a batch, or to where people draw it in the App, and to its saved view."""
    tasks = "\n".join(f"- [{task['name']}]({task['url']}): {len(task['frames'])} images" for task in sent["tasks"])
    if sent.get("backend") == Backend.FIFTYONE:
        return {**app_link(now, view=view), "to label in the App": dg.MetadataValue.md(tasks)}
    found: dict[str, dg.MetadataValue] = {
        "CVAT project": dg.MetadataValue.url(sent["project_url"]),
        "CVAT tasks": dg.MetadataValue.md(tasks),
    }
    return (app_link(now, view=view) if view else {}) | found


def app_link(now: Project, **shown: str) -> dict[str, dg.MetadataValue]:
    """Link to a saved `view` or `workspace` in the App, or to all images.

    It opens while `labelloop up`, `labelloop demo` or `labelloop app` runs.
    """
    return {"FiftyOne App": dg.MetadataValue.url(app_url(now.home, now.settings.name, **shown))}


def page_of(now: Project, batch: str) -> str:
    """Address of the asset that sent a batch, in the Dagster UI."""
    return asset_url(now.home, "holdout_batch") if batch == HOLDOUT else asset_url(now.home, "batch", batch)


def show_ways_back(now: Project, loop: LoopDataset, batch: str, only: Collection[str] | None = None) -> None:
    """Let each sample of a batch, or some, say in the App which CVAT task and which asset of Dagster it belongs to.

    A golden image that is hidden in a batch goes on saying where it is at home.
    """
    sent = now.ledger.read_or_none("tasks", batch)
    if sent is None:
        return
    manifest = now.ledger.manifest(batch)
    hidden = set(manifest.loc[manifest["source"] == Source.GOLDEN, "sample_id"]) if batch != HOLDOUT else set()
    task_of = {sample_id: task["url"] for task in sent["tasks"] for sample_id in task["frames"].values()}
    shown = (task_of.keys() if only is None else task_of.keys() & set(only)) - hidden
    loop.show_ways_back(
        {sample_id: url for sample_id, url in task_of.items() if sample_id in shown}, page_of(now, batch)
    )
