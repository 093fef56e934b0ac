"""What the tags of timm's weights say: kind of supervision, data, objective."""

import re

# Data sets by their part of a tag, in the order of training where a tag has several.
_DATA = {
    "in1k": "ImageNet-1k",
    "in12k": "ImageNet-12k",
    "in21k": "ImageNet-21k",
    "in22k": "ImageNet-22k",
    "inw21k": "ImageNet-21k (winter)",
    "jft": "JFT-300M",
    "ig1b": "Instagram-1B",
    "ig3600m": "Instagram-3.6B",
    "yfcc100m": "YFCC-100M",
    "yfcc15m": "YFCC-15M",
    "cc12m": "CC-12M",
    "openai": "WIT-400M",
    "laion2b": "LAION-2B",
    "laion400m": "LAION-400M",
    "laiona": "LAION-A",
    "datacompxl": "DataComp-XL",
    "datacomp1b": "DataComp-1B",
    "dfn2b": "DFN-2B",
    "dfn5b": "DFN-5B",
    "dfndr2b": "DFNDR-2B",
    "merged2b": "Merged-2B",
    "metaclip": "MetaCLIP",
    "metaclip2": "MetaCLIP 2",
    "webli": "WebLI",
    "lvd142m": "LVD-142M",
    "lvd1689m": "LVD-1689M",
    "sat493m": "SAT-493M",
    "sa1b": "SA-1B",
    "m38m": "Merged-38M",
    "m30m": "Merged-30M",
}
_LABELLED = re.compile(r"(^|_)(in\d+k|inw21k|jft|ig1b|ig3600m)(_|$)")
_FINE_TUNED = re.compile(r"(^|_)(ft|lc)(_in\d+k)")
_SEMI_SUPERVISED = {
    "ssl": "teacher and student",
    "swsl": "teacher and student on hashtags",
    "ns": "noisy student",
    "ssld": "label distillation",
}
_IMAGES_AND_TEXTS = (
    *("clip", "mclip", "mclip2", "tinyclip", "metaclip", "metaclip2", "openai", "webli"),
    *("laion2b", "laion400m", "laiona", "datacompxl", "datacomp1b", "dfn2b", "dfn5b", "dfndr2b"),
    *("merged2b", "cc12m", "yfcc15m"),
)
_SELF_SUPERVISED = {
    "dino": "DINO",
    "dinov3": "DINOv3",
    "lvd142m": "DINOv2",
    "lvd1689m": "DINOv3",
    "sat493m": "DINOv3",
    "mae": "MAE",
    "fcmae": "FCMAE",
    "mim": "masked image modelling",
    "ijepa": "I-JEPA",
    "seer": "SwAV",
    "eupe": "distillation of self-supervised teachers",
    **dict.fromkeys(_IMAGES_AND_TEXTS, "contrast of images and texts"),
}


def describe_tag(tag: str, outputs: int) -> dict:
    """Return ``kind``, ``objective``, ``source_data`` and ``labelled`` for a tag like ``fcmae_ft_in1k``.

    Pre-training on images with texts counts as self-supervised: no class labels. What was fine-tuned
    on labels afterwards is supervised. ``outputs``: number of the network's outputs, by which unknown
    tags are told apart. ``labelled``: whether these outputs are classes.
    """
    parts = re.sub(r"datacomp1b_clip", "datacomp1b", tag).split("_")
    data = ", ".join(_DATA[part] for part in parts if part in _DATA)
    semi = next((_SEMI_SUPERVISED[part] for part in parts if part in _SEMI_SUPERVISED), "")
    own = next((_SELF_SUPERVISED[part] for part in parts if part in _SELF_SUPERVISED), "")
    if semi:
        kind, objective = "semi-supervised", semi
    elif own and not _FINE_TUNED.search(tag):
        kind, objective = "self-supervised", own
    elif _LABELLED.search(tag) or outputs:
        kind, objective = "supervised", f"{own}, then classification" if own else "classification"
    else:
        kind, objective = "self-supervised", ""
    labelled = outputs > 0 and kind != "self-supervised"
    return {"kind": kind, "objective": objective, "source_data": data, "labelled": labelled}
