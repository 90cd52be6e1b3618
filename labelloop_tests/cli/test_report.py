import re

from labelloop.resources.report import REPORT_NAME, write_report
from labelloop_tests.worlds import World

MEBIBYTE = 1 << 20


def test_the_report_tells_the_loop_and_loads_nothing(half_way: World):
    path = write_report(half_way.now, [("12 s", "in all")])
    page = (half_way.now.home.root / REPORT_NAME).read_text()
    assert path == str(half_way.now.home.root / REPORT_NAME)
    assert len(page) < 2 * MEBIBYTE
    loaded = re.findall(r"""(?:src|href|url)\s*[=(]\s*["']?([^"')>\s]+)""", page)
    assert loaded
    assert all(address.startswith("data:image/jpeg;base64,") for address in loaded)
    assert "<script" not in page
    assert "http" not in page


def test_the_report_has_curve_classes_map_and_failures(half_way: World):
    write_report(half_way.now, [])
    page = (half_way.now.home.root / REPORT_NAME).read_text()
    report = half_way.now.ledger.read("reports", "v0")
    for title in ("Learning curve", "Classes", "Batches on the map", "Worst failures"):
        assert f"<h2>{title}</h2>" in page
    assert f"{report['map50']:.3f}" in page
    assert str(report["labels_used"]) in page
    assert all(name in page for name in half_way.now.ledger.schema().classes)
    wrong = [row for row in report["errors"] if row["fn"] or row["fp"]]
    assert page.count("<figure>") == min(12, len(wrong))
    assert 'class="truth"' in page
