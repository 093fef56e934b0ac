import threading

import numpy as np
import pytest
from threadpoolctl import threadpool_limits

from ckptrank.measures._shared.threads import _blas, map_threads
from ckptrank.measures.accounting import add_flops, recording


def blas_threads():
    return {library.num_threads for library in _blas().lib_controllers}


def meet(threads):
    """A function of an item that returns once so many threads are in it."""
    barrier = threading.Barrier(threads, timeout=20)

    def wait(item):
        barrier.wait()
        add_flops(item)
        return item, threading.get_ident(), blas_threads()

    return wait


@pytest.mark.parametrize("allowed", [1, 2, 3])
def test_as_many_threads_as_blas_may_take_each_with_one_of_its(allowed):
    with threadpool_limits(allowed, user_api="blas"), recording() as record:
        done = map_threads(meet(allowed), range(2 * allowed))
        assert blas_threads() == {allowed}
    items, threads, limits = zip(*done, strict=True)
    assert [*items] == [*range(2 * allowed)]
    assert len({*threads}) == allowed
    assert all(each == {1} for each in limits)
    assert record.flops == sum(items)


def test_no_more_than_eight():
    with threadpool_limits(16, user_api="blas"):
        done = map_threads(lambda item: threading.get_ident(), range(400))
    assert len({*done}) <= 8


def test_an_error_comes_through_and_limits_are_as_before():
    with threadpool_limits(2, user_api="blas"):
        with pytest.raises(ZeroDivisionError):
            map_threads(lambda item: 1 // item, [1, 0])
        assert blas_threads() == {2}


def test_nothing_to_do():
    assert map_threads(np.square, []) == []
