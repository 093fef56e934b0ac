"""Many small products in threads of our own: on a few hundred rows BLAS's own threads wait more than they work."""

from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from functools import cache
from typing import TypeVar

from threadpoolctl import ThreadpoolController

from ckptrank.measures.accounting import add_flops, recording

Item = TypeVar("Item")
Result = TypeVar("Result")

# What each holds lies in memory at once, and beyond so many they wait for the interpreter.
_MOST = 8


def map_threads(function: Callable[[Item], Result], items: Iterable[Item]) -> list[Result]:
    """Return ``function(item)`` of each item, computed by as many threads as BLAS may take, of one BLAS thread each.

    So whoever limits BLAS (``OMP_NUM_THREADS``, threadpoolctl, a job of the workflow) limits these. What comes out
    does not depend on how many there are. Operations are counted as if the caller had done them.
    """
    items = list(items)
    blas = _blas()
    allowed = max((library.num_threads for library in blas.lib_controllers), default=1)
    threads = min(allowed, len(items), _MOST)
    with blas.limit(limits=1):
        if threads < 2:
            return [function(item) for item in items]

        def count(item: Item) -> tuple[Result, float]:
            with recording() as record:
                return function(item), record.flops

        with ThreadPoolExecutor(threads) as pool:
            done = list(pool.map(count, items))
    add_flops(sum(flops for _, flops in done))
    return [result for result, _ in done]


@cache
def _blas() -> ThreadpoolController:
    return ThreadpoolController().select(user_api="blas")
