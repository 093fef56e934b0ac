"""Where the caches lie and what they hold of weights, without a network and without importing PyTorch."""

import json
import os
from pathlib import Path

WEIGHTS = ("model.safetensors", "pytorch_model.bin", "open_clip_model.safetensors")
_IMAGE_MODELS = ("dinov2", "vit", "convnext", "swin", "resnet", "beit")


def cache_folder() -> Path:
    """Return the folder that downloads are kept in: ``$CKPTRANK_CACHE`` or ``~/.cache/ckptrank``."""
    return Path(os.environ.get("CKPTRANK_CACHE") or "~/.cache/ckptrank").expanduser()


def torch_cache() -> Path:
    """Return the folder in which PyTorch keeps files of weights."""
    home = os.environ.get("TORCH_HOME") or Path(
        os.environ.get("XDG_CACHE_HOME", "~/.cache"), "torch"
    )
    return Path(home, "hub", "checkpoints").expanduser()


def hub_cache() -> Path:
    """Return the folder in which the hub's client keeps repositories."""
    home = os.environ.get("HF_HOME") or Path(
        os.environ.get("XDG_CACHE_HOME", "~/.cache"), "huggingface"
    )
    return Path(os.environ.get("HF_HUB_CACHE") or Path(home, "hub")).expanduser()


def has_repository(name: str) -> bool:
    """Whether the hub's cache holds weights of the repository ``owner/name``."""
    return _snapshot(hub_cache() / f"models--{name.replace('/', '--')}") is not None


def list_repositories() -> list[str]:
    """Return the repositories of image networks whose weights the hub's cache holds, sorted."""
    found = []
    for folder in sorted(hub_cache().glob("models--*--*")):
        snapshot = _snapshot(folder)
        if snapshot is not None and _is_image_network(snapshot / "config.json"):
            found.append(folder.name.removeprefix("models--").replace("--", "/", 1))
    return found


def _snapshot(repository: Path) -> Path | None:
    snapshots = sorted((repository / "snapshots").glob("*"))
    return next(
        (each for each in snapshots if any((each / name).exists() for name in WEIGHTS)), None
    )


def _is_image_network(config: Path) -> bool:
    """Of timm, which says its architecture by one word, or of transformers' image networks."""
    try:
        said = json.loads(config.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return False
    names = said.get("architectures") or []
    classifies = any("ForImageClassification" in name for name in names)
    return "architecture" in said or classifies or said.get("model_type") in _IMAGE_MODELS
