"""What the iterations of a project cost and gave so far, from its plain files."""

from labelloop.adapters.files.atomic import read_json
from labelloop.core.stopping import StopRules, stop_reason
from labelloop.core.summary import Turn
from labelloop.core.vocabulary import next_iteration
from labelloop.resources.pool import remaining_pool
from labelloop.resources.project import Project


def turns(now: Project) -> list[Turn]:
    """The finished iterations, in order."""
    return [_turn(now, str(iteration)) for iteration in now.ledger.reports()["iteration"]]


def stop_sentence(now: Project) -> str:
    """Why the loop has stopped, or nothing while it goes on."""
    iterations = now.ledger.iterations()
    selection = now.ledger.read_or_none("selections", next_iteration(iterations[-1])) if iterations else None
    return str((selection or {}).get("stopped") or "")


def is_stopped_early(now: Project) -> bool:
    """Whether the loop has stopped for a rule that does not hold any more, because the settings have changed."""
    if not stop_sentence(now):
        return False
    return (
        stop_reason(now.ledger.reports(), len(remaining_pool(now)), StopRules(**now.settings.stop.model_dump())) is None
    )


def _turn(now: Project, iteration: str) -> Turn:
    report = now.ledger.read("reports", iteration)
    card = read_json(now.ledger.model_folder(report["model"]) / "card.json", "Run the job label_loop first.")
    return Turn(
        iteration, int(report["labels_used"]), float(report["map50"]), float(report["map50_95"]),
        float(card["seconds"]), float(report["seconds"]), str(report.get("yardstick", "")),
        f"{report['val_images']} val images, {len(report['classes'])} classes" if "yardstick" in report else "",
    )  # fmt: skip
