"""Every page that people see, read in a real browser: what should be there is, and no error is."""

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from labelloop.adapters import app_server, dagster_servers
from labelloop.adapters.app_server import app_url
from labelloop.adapters.dagster_servers import asset_url
from labelloop.cli.fleet import links
from labelloop.core.vocabulary import IMG_VIZ, MAP_WORKSPACE, batch_view, failures_view
from labelloop.resources.report import REPORT_NAME, write_report
from labelloop_tests.browser import Browser, browsing, installed
from labelloop_tests.served import kept_instance, stop_servers
from labelloop_tests.worlds import SCENES, World, make_world

pytestmark = pytest.mark.slow

# What Dagster, FiftyOne and the sandbox say when something is wrong.
WRONG = re.compile(
    r"something went wrong|unexpected error|graphql error|not found|traceback|failed to|could not|no samples", re.I
)


@pytest.fixture
def world(database: str, tmp_path: Path) -> Iterator[World]:
    with kept_instance(make_world(tmp_path)) as made:
        made.turn([("prepare_pool", None), ("next_batch", "v0"), ("send_holdout", None)])
        made.annotate()
        made.turn([("take_holdout", None), ("label_loop", "v0")])
        now = made.now
        write_report(now, [("1 s", "in all")])
        dagster_servers.start_webserver(now.home, now.config)
        app_server.ensure(now.home, now.config, now.settings.name)
        yield made
        stop_servers(made)


def read(browser: Browser, url: str, *words: str) -> None:
    """The page shows these words and no error, and its own scripts met none."""
    browser.open(url)
    text = browser.shows(*words)
    wrong = WRONG.search(text)
    assert wrong is None, text[max(0, wrong.start() - 200) : wrong.end() + 200]
    assert browser.problems == []


def test_whoever_follows_the_links_finds_words_and_no_error(world: World) -> None:
    chromium = installed()
    if chromium is None:
        pytest.skip("no Chromium is installed")
    now = world.now
    name, sent = now.settings.name, now.ledger.read("tasks", "v0")
    report = now.ledger.read("reports", "v0")
    failed = sum(1 for row in report["errors"] if row["fn"] or row["fp"])
    assert failed
    with browsing(chromium) as browser:
        # Dagster: the graph with its groups open, an asset, its checks.
        read(browser, links(now)["lineage"], "pool", "zcore_scores", "iteration", "annotated_batch", "trained_model")
        read(browser, asset_url(now.home, "eval_report", "v0"), "Materialized", f"{report['map50']:.4g}", "per class",
             "learning curve", app_url(now.home, name, view=failures_view("v0")))  # fmt: skip
        browser.click("[Show Markdown]")
        browser.until("document.querySelector('img[src^=\"data:image/svg\"]')?.naturalWidth > 0")
        read(browser, asset_url(now.home, "batch", "v0"), "manifest", app_url(now.home, name, view=batch_view("v0")))
        read(browser, asset_url(now.home, "annotated_batch") + "?view=checks", "few_boxes_are_bad", "Succeeded")

        # The App: saved views by their links, and the map.
        read(browser, app_url(now.home, name, view=batch_view("v0")), batch_view("v0"), "7 samples", "cvat_url")
        read(browser, app_url(now.home, name, view=failures_view("v0")), failures_view("v0"), "predictions_v0")
        read(browser, app_url(now.home, name, workspace=MAP_WORKSPACE), "Embeddings", IMG_VIZ)
        browser.click(IMG_VIZ)
        browser.shows("Color by", f"{SCENES} points")

        # The sandbox, and the report.
        read(browser, links(now)["sandbox"], "labelloop sandbox", f"{name} v0", "completed")
        read(browser, sent["tasks"][0]["url"], "the loop in Dagster", "Frames", "acceptance")
        read(browser, (now.home.root / REPORT_NAME).as_uri(), "Learning curve", "Worst failures", "mAP50")
