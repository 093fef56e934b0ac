"""Ranking measures as plain functions: ``from ckptrank.measures import nleep``.

Importing this package imports no measure. A measure's module bears the name of its function; here
the name means the function, and the module is imported when it is first asked for.
"""

import sys
from types import ModuleType

from ckptrank.measures.registry import METHODS, get_function, locate


class _Measures(ModuleType):
    def __getattr__(self, name: str) -> object:
        if name in METHODS:
            return get_function(name)
        raise AttributeError(f"module {self.__name__!r} has no attribute {name!r}")

    def __setattr__(self, name: str, value: object) -> None:
        # Importing a submodule binds it in its package, which would hide the function.
        if isinstance(value, ModuleType) and name in METHODS:
            module, function = locate(name)
            value = getattr(value, function) if value.__name__ == module else value
        super().__setattr__(name, value)

    def __dir__(self) -> list[str]:
        return sorted({*super().__dir__(), *METHODS})


sys.modules[__name__].__class__ = _Measures
