"""The one list of ranking methods. Importing it imports no method, so that the workflow parses fast.

A *method* is a function; a *measure*, as the config names it, is a method with parameters.
To add one: write ``measures/_<name>.py`` with a function ``<name>``, add a line to :data:`METHODS` and the
name to ``__all__`` and the imports of the package.
"""

import importlib
from collections.abc import Callable
from dataclasses import dataclass


@dataclass(frozen=True)
class Method:
    """How the workflow feeds a method.

    ``family``: where it comes from, ``neucrab``, ``model_zoo`` or ``field``; tables are grouped by it.
    ``inputs``: the arrays that it takes by name; see ``scores/inputs.py`` for what each name stands for.
    ``held_out``: it needs evaluation samples that it was not fitted on (else it may score its own). Those
    are what the first paper judges on test images: linear probes and early-stopped fine-tuning.
    ``minutes``: what a job that scores a pair by it asks a cluster for.
    ``stack``: the conda environment (``envs/<stack>.yaml``) that holds what its module imports.
    ``combine``: a function in the same module that turns a group's notes into scores, for methods
    whose raw terms only compare within a group.
    """

    title: str
    family: str = "field"
    inputs: tuple[str, ...] = ("features", "labels")
    held_out: bool = False
    stack: str = "measures"
    gpu: bool = False
    minutes: int = 30
    combine: str = ""
    reference: str = ""

    @property
    def can_evaluate(self) -> bool:
        """Whether it can score other samples than those that it is fitted on."""
        return any(name == "test" or name.startswith("eval_") for name in self.inputs)


METHODS: dict[str, Method] = {
    "domain_similarity": Method(
        "Domain similarity",
        "model_zoo",
        inputs=(
            *("source_class_means", "source_class_counts"),
            *("target_class_means", "target_class_counts"),
        ),
        reference="Cui et al. 2018",
    ),
    "early_stopped_finetune": Method(
        "Fine-tune (early stopped)",
        "neucrab",
        inputs=(
            *(
                "network",
                "train",
                "test",
                "classes",
                "forward_flops",
                "seed",
                "device",
                "precision",
            ),
        ),
        held_out=True,
        stack="torch",
        gpu=True,
        minutes=240,
        reference="Ranking Neural Checkpoints, section 3.1",
    ),
    "etran": Method("ETran", combine="combine", reference="Gholami et al. 2023"),
    "feature_sparsity": Method(
        "Feature sparsity",
        inputs=("features",),
        reference="Vinje and Gallant 2000",
    ),
    "gbc": Method("GBC", reference="Pandy et al. 2022"),
    "generalisation": Method(
        "Generalisation score",
        "model_zoo",
        reference="Deshpande et al. 2021, equations 4 to 6",
    ),
    "h_score": Method("H-score", reference="Bao et al. 2019; Ibrahim et al. 2021"),
    "knn": Method("k-NN", reference="leave-one-out, Euclidean"),
    "leep": Method(
        "LEEP",
        "neucrab",
        inputs=(
            *("source_probabilities", "labels"),
            *("eval_source_probabilities", "eval_labels"),
        ),
        reference="Nguyen et al. 2020; Li et al. 2021, equations 4 and 5",
    ),
    "lfc": Method("LFC", "model_zoo", reference="Deshpande et al. 2021, equation 8"),
    "lgc": Method(
        "LGC",
        "model_zoo",
        inputs=("network", "train", "device", "forward_flops", "layer"),
        stack="torch",
        gpu=True,
        minutes=240,
        reference="Deshpande et al. 2021, equations 7 and 8",
    ),
    "linear_probe": Method(
        "Linear",
        "neucrab",
        inputs=("features", "labels", "eval_features", "eval_labels"),
        held_out=True,
        reference="Li et al. 2021, section 3.2",
    ),
    "logme": Method("LogME", reference="You et al. 2021"),
    "mutual_information": Method(
        "Mutual information",
        "neucrab",
        inputs=("features", "labels", "eval_features", "eval_labels"),
        minutes=180,
        reference="Poole et al. 2019, section 2.3; Li et al. 2021, section 3.3",
    ),
    "nce": Method("NCE", inputs=("source_labels", "labels"), reference="Tran et al. 2019"),
    "ncti": Method("NCTI", combine="combine", reference="Wang et al. 2023"),
    "nleep": Method(
        "N-LEEP",
        "neucrab",
        inputs=("features", "labels", "eval_features", "eval_labels"),
        reference="Li et al. 2021, equations 4 to 6",
    ),
    "ntk_score": Method(
        "Kernel of gradients",
        "model_zoo",
        inputs=("network", "train", "device", "forward_flops", "layer"),
        stack="torch",
        gpu=True,
        minutes=240,
        reference="Deshpande et al. 2021, equations 2 to 5",
    ),
    "pactran": Method("PACTran-Gaussian", reference="Ding et al. 2022"),
    "parc": Method("PARC", reference="Bolya et al. 2021"),
    "random": Method("Random", "baseline", inputs=(), reference="chance"),
    "rsa": Method(
        "RSA",
        "model_zoo",
        inputs=("features", "reference_features"),
        reference="Dwivedi and Roig 2019; Deshpande et al. 2021, equations 9 to 11",
    ),
    "sfda": Method("SFDA", reference="Shao et al. 2022"),
    "training_speed": Method(
        "Training speed",
        "model_zoo",
        reference="Deshpande et al. 2021, equations 3 and 6",
    ),
    "transrate": Method("TransRate", reference="Huang et al. 2022"),
}


@dataclass(frozen=True)
class MeasureInfo:
    """What a measure is and what it needs, for people: see :func:`list_measures`.

    ``inputs``: its arguments that are data, in order. ``held_out``: it needs samples that it was not fitted
    on. ``extra``: what to install beside the library's own needs, ``ckptrank[<extra>]``; empty: nothing.
    """

    name: str
    title: str
    family: str
    inputs: tuple[str, ...]
    held_out: bool
    extra: str
    reference: str


def list_measures() -> list[MeasureInfo]:
    """Return what measures there are, by name, and what each needs; imports none of them.

    Example:
        >>> from ckptrank.measures import list_measures
        >>> [measure.name for measure in list_measures() if measure.inputs == ("features",)]
        ['feature_sparsity']
        >>> [measure.name for measure in list_measures() if measure.extra]
        ['early_stopped_finetune', 'lgc', 'ntk_score']
    """
    return [
        MeasureInfo(
            name,
            method.title,
            method.family,
            method.inputs,
            method.held_out,
            "" if method.stack == "measures" else method.stack,
            method.reference,
        )
        for name, method in METHODS.items()
    ]


def module_of(method: str) -> str:
    """Return the name of the module that holds a registered method, and its ``combine``."""
    return f"ckptrank.measures._{method}"


def get_function(method: str) -> Callable[..., float]:
    """Import and return the function of a registered method."""
    return getattr(importlib.import_module(module_of(method)), method)
