"""Near-duplicates as people see them: on the page of the asset and in FiftyOne, which a rebuild shows again."""

import pytest

from labelloop.core.vocabulary import Field
from labelloop.resources.dataset import DatasetResource
from labelloop.resources.near_duplicates import EXACT
from labelloop.resources.rebuild import rebuild
from labelloop_tests.worlds import metadata_of


def shown(world) -> tuple[dict, list[str]]:
    """Group by sample id, and the sample ids of the saved view."""
    with DatasetResource().writing(world.now, lambda _: None) as loop:
        groups = zip(*loop.dataset.values([Field.SAMPLE_ID, Field.NEAR_DUPLICATES]), strict=True)
        view = loop.dataset.load_saved_view(Field.NEAR_DUPLICATES)
        return {sample_id: group for sample_id, group in groups if group}, view.values(Field.NEAR_DUPLICATES)


@pytest.mark.slow
def test_groups_are_told_and_shown_and_a_rebuild_shows_them_again(world) -> None:
    one = world(near_duplicates={"threshold": 0.85})
    result = one.run("prepare_pool")
    assert result.success
    told = metadata_of(result, "near_duplicates")
    groups, in_view = shown(one)
    assert told["dagster/row_count"] == len(groups) > 0
    assert told["groups"] == len(set(groups.values())) == len(told["largest"].records)
    assert told["searched"] == EXACT
    assert told["of"] == len(one.now.ledger.samples())
    assert told["images"].startswith("![](data:image/jpeg")
    assert in_view == sorted(groups.values())
    assert all(groups[group] == group for group in groups.values())
    rebuild(one.now, DatasetResource(), lambda _: None)
    assert shown(one) == (groups, in_view)
    one.configure(near_duplicates={"threshold": 1.0})
    assert one.run_asset("near_duplicates", "").success
    assert shown(one) == ({}, [])
