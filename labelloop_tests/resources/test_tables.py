"""Tables as the Dagster UI shows them."""

import pandas as pd

from labelloop.resources.tables import linked_table


def test_a_name_leads_to_its_address_whatever_it_holds() -> None:
    frame = pd.DataFrame({"task": ["#1 a|b [x]\n*y*"], "link": ["http://cvat/tasks/1"], "frames": [3]})
    lines = linked_table(frame, "task", "link").value.splitlines()
    assert lines[:2] == ["| task | frames |", "| --- | --- |"]
    assert lines[2] == r"| [#1 a\|b \[x\] \*y\*](http://cvat/tasks/1) | 3 |"


def test_rows_that_are_not_shown_are_counted() -> None:
    frame = pd.DataFrame({"task": list("abc"), "link": ["http://cvat"] * 3})
    assert linked_table(frame, "task", "link", most=2).value.endswith("\n\n1 more")
