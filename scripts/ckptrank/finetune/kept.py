"""The weights of a sweep's best setting, kept for whoever wants the tuned network."""

import json
import os
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor, nn

from ckptrank.files.atomic import atomic_path, discard

if TYPE_CHECKING:
    from ckptrank.finetune.train import Classifier

METADATA = "ckptrank"
OUTPUT = "output"  # what the head is called where the library's network has no place for it


def by_merit(setting: Mapping) -> tuple[float, int, float]:
    """Return what settings are sorted by, the best first: their accuracy on validation images, or on test images
    where there are none; among equal ones the fewest steps, then the lowest learning rate."""
    merit = setting.get("validation_accuracy", setting["accuracy"])
    return -merit, setting["steps"], setting["learning_rate"]


@dataclass(frozen=True)
class BestWeights:
    """The weights of the best setting tested so far, in a hidden file beside ``path`` until :meth:`give` puts them there.

    ``facts`` of its methods: what the file says of the network and of its runs, as JSON has it. Another attempt of a
    job goes on with the hidden file if that has the same. A ``setting`` has ``learning_rate``, ``steps``, ``accuracy``
    and, with validation images, ``validation_accuracy``.
    """

    path: Path

    @property
    def held(self) -> Path:
        return self.path.with_name(f".{self.path.stem}.best.safetensors")

    def offer(self, model: "Classifier", facts: dict, setting: dict) -> None:
        """Keep the weights of ``model`` if its setting is better than the one that is kept.

        Raises ``OSError`` where they cannot be written; what was kept stays.
        """
        known = self._find(facts)
        if known is not None and by_merit(known) <= by_merit(setting):
            return
        head = name_head(model.network.backbone, facts)
        _save(self.held, name_tensors(model, head), {**facts, **setting, "head": head})

    def give(self, facts: dict, best: Mapping) -> bool:
        """Put the weights of the setting ``best`` in their place; return whether they were kept."""
        known = self._find(facts)
        if known is None or any(known[key] != best[key] for key in ("learning_rate", "steps")):
            return False
        os.replace(self.held, self.path)
        return True

    def give_none(self, reason: str) -> None:
        """Leave a file without tensors that says why there are none."""
        _save(self.path, {}, {"reason": reason})

    def forget(self) -> None:
        discard(self.held)

    def _find(self, facts: dict) -> dict | None:
        """Return what the hidden file says, if it is of the runs of these facts."""
        try:
            with safe_open(self.held, "pt") as file:
                said = json.loads(file.metadata()[METADATA])
        except (FileNotFoundError, SafetensorError):
            return None
        return said if all(said.get(key) == value for key, value in facts.items()) else None


def name_head(backbone: nn.Module, facts: Mapping) -> str:
    """Return the name that the library's network has for its classifier, in whose place the backbone has none.

    ``facts``: those of a checkpoint's card. It is :data:`OUTPUT` where another layer is read, or several classify.
    """
    parts = facts["parts"] or {}
    if "feature_layer" in parts:
        return OUTPUT
    of_timm = getattr(backbone, "pretrained_cfg", None) or {}
    names = parts.get("classifiers") or [of_timm.get("classifier")]
    layers = dict(backbone.named_modules())
    if len(names) == 1 and isinstance(names[0], str):
        return names[0] if isinstance(layers.get(names[0]), nn.Identity) else OUTPUT
    return OUTPUT


def name_tensors(model: "Classifier", head: str) -> dict[str, Tensor]:
    """Return copies of a classifier's tensors on the host, by the names that they have in the library's network."""
    prefixes = {"network.backbone.": "", f"{OUTPUT}.": f"{head}."}
    return {
        f"{new}{name.removeprefix(old)}": tensor.detach().to("cpu", copy=True).contiguous()
        for name, tensor in model.state_dict().items()
        for old, new in prefixes.items()
        if name.startswith(old)
    }


def _save(path: Path, tensors: dict[str, Tensor], facts: dict) -> None:
    with atomic_path(path) as temporary:
        mode = temporary.stat().st_mode
        try:
            save_file(tensors, temporary, {"format": "pt", METADATA: json.dumps(facts)})
        except SafetensorError as error:
            # The system's errors come as text. As an OSError a full disk is one that another attempt may mend.
            found = re.search(r"os error (\d+)", str(error))
            if found is None:
                raise
            number = int(found[1])
            raise OSError(number, os.strerror(number), str(path)) from error
        temporary.chmod(mode)  # the library writes a file of its own, for its owner alone
