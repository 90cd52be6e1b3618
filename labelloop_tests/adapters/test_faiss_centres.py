import numpy as np
import pytest

from labelloop.adapters.faiss_centres import centres
from labelloop_tests.core.builders import unit_rows

faiss = pytest.importorskip("faiss")


@pytest.fixture
def threads():
    before = faiss.omp_get_max_threads()
    yield faiss.omp_set_num_threads
    faiss.omp_set_num_threads(before)


def test_centres_do_not_depend_on_threads_and_leave_their_number_as_it_was(threads):
    rows, found = unit_rows(2000, 24), []
    for count in (1, 2):
        threads(count)
        found.append(centres(rows, 30, seed=4))
        assert faiss.omp_get_max_threads() == count
    np.testing.assert_array_equal(*found)
    assert found[0].shape == (30, 24)
    assert found[0].dtype == np.float32


def test_there_are_no_more_centres_than_rows():
    assert centres(unit_rows(5, 8), 30, seed=2**40).shape == (5, 8)
