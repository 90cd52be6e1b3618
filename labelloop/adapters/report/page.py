"""The page: figures, learning curve, classes, map and failures, in the order in which questions come."""

from labelloop.adapters.report.charts import batch_map, class_bars, colours_of, learning_curve, legend, style_sheet
from labelloop.adapters.report.markup import Safe, join, table, tag
from labelloop.adapters.report.pictures import failure_grid
from labelloop.adapters.report.story import Story
from labelloop.core.summary import TURN_COLUMNS, footnote, turn_rows


def render(story: Story) -> str:
    """The whole page as HTML that loads nothing."""
    head = join([
        Safe('<meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1">'),
        Safe('<meta name="color-scheme" content="light dark">'),
        tag("title", f"{story.title} · labelloop"),
        Safe(f"<style>{style_sheet()}</style>"),
    ])  # fmt: skip
    body = tag("body", _head(story), tag("main", *_sections(story)), tag("footer", f"labelloop · {story.made}"))
    return "<!doctype html>\n" + tag("html", tag("head", head), body, lang="en")


def _head(story: Story) -> Safe:
    facts = [tag("div", tag("b", value), tag("span", what)) for value, what in story.facts]
    stopped = [tag("p", story.stopped, class_="note")] if story.stopped else []
    return tag("header", tag("h1", story.title), *stopped, tag("div", *facts, class_="facts"))


def _sections(story: Story) -> list[Safe]:
    found = []
    if story.turns:
        curve = [
            legend({"mAP50": "s0", "mAP50-95": "s1"}),
            learning_curve(story.turns),
            table(TURN_COLUMNS, turn_rows(story.turns)),
            *([tag("p", footnote(story.turns), class_="about")] if footnote(story.turns) else []),
        ]
        found.append(_section("Learning curve", "How good the model of each iteration is on val.", *curve))
    if not story.class_counts.empty:
        colours = colours_of([str(name) for name in story.class_counts.columns])
        bars = [legend(colours), class_bars(story.class_counts, colours)]
        found.append(_section("Classes", "Boxes that people drew, by class and batch.", *bars))
    if not story.places.empty:
        groups = sorted(set(story.places["group"]) - {"pool", "held out"}, key=lambda name: int(name[1:]))
        marks = legend(colours_of(groups) | {"pool": "pool", "held out": "held-out"})
        about = "Each dot is an image; similar images lie close together. Coloured ones were chosen for a batch."
        found.append(_section("Batches on the map", about, marks, batch_map(story.places, groups), wide=True))
    if story.failures:
        marks = legend({"drawn by people": "truth", "predicted": "found"})
        about = f"The images of val on which the model of {story.failed_of} failed most."
        found.append(_section("Worst failures", about, marks, failure_grid(story.failures), wide=True))
    return found


def _section(title: str, about: str, *content: Safe, wide: bool = False) -> Safe:
    return tag(
        "section", tag("h2", title), tag("p", about, class_="about"), *content, class_="wide" if wide else "half"
    )
