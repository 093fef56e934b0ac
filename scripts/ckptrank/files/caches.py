"""What the caches of weights hold, without a network and without importing PyTorch."""

import json
import os
from pathlib import Path
from urllib.error import HTTPError
from urllib.request import Request, urlopen

WEIGHTS = ("model.safetensors", "pytorch_model.bin", "open_clip_model.safetensors")
SECONDS = 4.0
_IMAGE_MODELS = ("dinov2", "vit", "convnext", "swin", "resnet", "beit")


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


def is_online(address: str = "https://huggingface.co") -> bool:
    """Whether a server answers, whatever it says, within a few seconds; False where the user said offline."""
    if os.environ.get("HF_HUB_OFFLINE", "").upper() in ("1", "ON", "YES", "TRUE"):
        return False
    try:
        urlopen(
            Request(os.environ.get("HF_ENDPOINT") or address, method="HEAD"), timeout=SECONDS
        ).close()
    except HTTPError:
        return True
    except OSError:
        return False
    return True


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
