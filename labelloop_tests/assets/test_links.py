"""Every place where people work leads to the others."""

import base64
import re

import dagster as dg
import pytest
import requests

from labelloop.adapters import mongod
from labelloop.adapters.app_server import APP
from labelloop.adapters.dagster_servers import WEBSERVER
from labelloop.adapters.fiftyone.dataset import LoopDataset
from labelloop.adapters.ports import kept_port
from labelloop.core.vocabulary import Source
from labelloop_tests.worlds import World

pytestmark = pytest.mark.slow


def page_of(world: World, asset: str, iteration: str | None = None) -> dict[str, dg.MetadataValue]:
    records = world.instance.fetch_materializations(
        dg.AssetRecordsFilter(dg.AssetKey(asset), asset_partitions=[iteration] if iteration else None), limit=1
    ).records
    return dict(records[0].asset_materialization.metadata)


def address(world: World, server: str, path: str) -> str:
    return f"http://127.0.0.1:{kept_port(world.now.home, server)}/{path}"


@pytest.mark.parametrize(
    ("asset", "iteration", "query"),
    [
        ("source_images", None, ""),
        ("splits", None, "?view=pool"),
        ("embeddings", None, "?workspace=map"),
        ("zcore_scores", None, ""),
        ("near_duplicates", None, "?view=near-duplicates"),
        ("annotated_holdout", None, "?view=val-set"),
        ("batch", "v1", "?view=batch-v1"),
        ("annotated_batch", "v0", "?view=batch-v0"),
        ("eval_report", "v0", "?view=eval-v0-failures"),
        ("failure_mined_batch", "v0", "?view=eval-v0-failures"),
    ],
)
def test_the_page_of_an_asset_leads_to_its_view_in_the_app(
    turned: World, asset: str, iteration: str | None, query: str
) -> None:
    link = page_of(turned, asset, iteration)["FiftyOne App"]
    assert isinstance(link, dg.UrlMetadataValue)
    assert link.value == address(turned, APP, f"datasets/{turned.now.settings.name}{query}")


@pytest.mark.parametrize(
    ("asset", "batch"),
    [("batch", "v0"), ("annotated_batch", "v0"), ("holdout_batch", None), ("annotated_holdout", None)],
)
def test_the_page_of_an_asset_leads_to_its_tasks(turned: World, asset: str, batch: str | None) -> None:
    text = page_of(turned, asset, batch)["CVAT tasks"].value
    tasks = turned.now.ledger.read("tasks", batch or "holdout")["tasks"]
    assert re.findall(r"\((http[^)]*)\)", text) == [task["url"] for task in tasks]


def test_a_task_and_its_project_lead_back_to_dagster(turned: World) -> None:
    turned.cvat.server(turned.now)  # it may have ended since the loop was turned
    sent = turned.now.ledger.read("tasks", "v0")
    for url in (sent["project_url"], sent["tasks"][0]["url"]):
        assert f'href="{address(turned, WEBSERVER, "assets/batch")}#' in requests.get(url, timeout=30).text


def test_a_sample_leads_to_its_task_and_to_what_chose_it_and_a_hidden_golden_one_says_nothing_new(
    turned: World,
) -> None:
    now = turned.now
    dataset = LoopDataset.open(now.home, mongod.ensure(now.home), now.settings.name).dataset
    shown = dict(zip(*dataset.values(["sample_id", "cvat_url"]), strict=True))
    pages = dict(zip(*dataset.values(["sample_id", "dagster_url"]), strict=True))
    for row in now.ledger.manifest("v1").itertuples():
        task_of = {i: t["url"] for t in now.ledger.read("tasks", "v1")["tasks"] for i in t["frames"].values()}
        own = row.source != Source.GOLDEN
        assert (shown[row.sample_id] == task_of[row.sample_id]) == own
        assert pages[row.sample_id] == address(
            turned, WEBSERVER, "assets/batch?view=partitions&partition=v1" if own else "assets/holdout_batch"
        )


def test_a_report_has_figures_to_plot_and_the_curve_so_far(turned: World) -> None:
    page = page_of(turned, "eval_report", "v0")
    for name in ("mAP50", "mAP50-95", "precision", "recall", "labels used", "images with missed objects"):
        assert isinstance(page[name], (dg.FloatMetadataValue, dg.IntMetadataValue))
    encoded = page["learning curve"].value.removeprefix("![](data:image/svg+xml;base64,").removesuffix(")")
    curve = base64.b64decode(encoded).decode()
    assert curve.startswith('<svg xmlns="http://www.w3.org/2000/svg"')
    assert f"{page['mAP50'].value:.3f}" in curve
