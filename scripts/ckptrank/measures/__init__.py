"""Ranking measures as plain functions: ``from ckptrank.measures import nleep``.

A measure takes arrays and returns one float, higher = better. It checks its input (``ValueError`` names the
argument), leaves global random state alone and needs NumPy, SciPy and threadpoolctl alone, but for the three that
work on the network itself: those import PyTorch. Importing this package imports no measure; each is imported when it is first
asked for. :func:`list_measures` says what there is and what each needs, and what a measure counted and noted
comes from :func:`ckptrank.measures.accounting.recording`.
"""

from typing import TYPE_CHECKING

from ckptrank.measures.registry import METHODS, MeasureInfo, get_function, list_measures

if TYPE_CHECKING:
    from ckptrank.measures._domain_similarity import domain_similarity
    from ckptrank.measures._early_stopped_finetune import early_stopped_finetune
    from ckptrank.measures._etran import etran
    from ckptrank.measures._feature_sparsity import feature_sparsity
    from ckptrank.measures._gbc import gbc
    from ckptrank.measures._generalisation import generalisation
    from ckptrank.measures._h_score import h_score
    from ckptrank.measures._knn import knn
    from ckptrank.measures._leep import leep
    from ckptrank.measures._lfc import lfc
    from ckptrank.measures._lgc import lgc
    from ckptrank.measures._linear_probe import linear_probe
    from ckptrank.measures._logme import logme
    from ckptrank.measures._mutual_information import mutual_information
    from ckptrank.measures._nce import nce
    from ckptrank.measures._ncti import ncti
    from ckptrank.measures._nleep import nleep
    from ckptrank.measures._ntk_score import ntk_score
    from ckptrank.measures._pactran import pactran
    from ckptrank.measures._parc import parc
    from ckptrank.measures._random import random
    from ckptrank.measures._rsa import rsa
    from ckptrank.measures._sfda import sfda
    from ckptrank.measures._training_speed import training_speed
    from ckptrank.measures._transrate import transrate

__all__ = [
    "MeasureInfo",
    "domain_similarity",
    "early_stopped_finetune",
    "etran",
    "feature_sparsity",
    "gbc",
    "generalisation",
    "h_score",
    "knn",
    "leep",
    "lfc",
    "lgc",
    "linear_probe",
    "list_measures",
    "logme",
    "mutual_information",
    "nce",
    "ncti",
    "nleep",
    "ntk_score",
    "pactran",
    "parc",
    "random",
    "rsa",
    "sfda",
    "training_speed",
    "transrate",
]


def __getattr__(name: str) -> object:
    if name in METHODS:
        return get_function(name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted(__all__)
