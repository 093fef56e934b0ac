"""What an estimate knows of tasks and checkpoints: their cards where they are prepared, else the tables below."""

from dataclasses import dataclass
from pathlib import Path

from ckptrank.files.atomic import read_json

# Forward GFLOP per image (two per multiply-add) at 224 pixels, or at the pixels below; the longest name that fits.
GFLOPS = {
    "resnet18": 3.6,
    "resnet50": 8.2,
    "resnet101": 15.7,
    "resnetv2_101": 15.7,
    "googlenet": 3.0,
    "inception_v3": 11.4,
    "inception_v4": 24.6,
    "inception_resnet_v2": 26.4,
    "mobilenet_v2": 0.6,
    "mobilenetv1": 1.2,
    "mobilenetv2_050": 0.2,
    "mobilenetv2_100": 0.6,
    "mobilenetv3_large": 0.4,
    "mobilenetv3_small": 0.1,
    "vit_base": 35.1,
    "vit_small": 9.2,
    "vgg16": 31.0,
    "densenet121": 5.7,
    "convnext_tiny": 8.9,
    "mobilenetv4_conv_small": 0.4,
    "efficientnet_b0": 0.8,
    "tf_efficientnet_lite0": 0.8,
    "tf_efficientnet_lite1": 1.0,
    "tf_efficientnet_lite2": 1.3,
    "resnet50_clip": 10.8,
    "tiny_vit_11m": 3.8,
    "vit_small_patch14_reg4_dinov2": 12.2,
    "resnet_v1_50": 7.0,
    "resnet_v1_101": 14.4,
    "inception_v1": 3.0,
    "inception_v2": 3.9,
    "mobilenet_v1": 1.1,
    "mobilenet_v2_035": 0.1,
    "mobilenet_v3_small": 0.1,
    "mobilenet_v3_large": 0.4,
}
USUAL_SIDE, BUILTIN_SIDE = 224, 32
SIDES = {"inception_v3": 299, "inception_v4": 299, "inception_resnet_v2": 299}
# MB of files of weights, by the beginning of the architecture's name.
MEGABYTES = {
    "mobilenetv4_conv_small": 15, "efficientnet_b0": 21, "resnet18": 47, "resnet50": 102, "convnext_tiny": 114,
    "resnet50_clip": 94, "tiny_vit_11m": 80, "vit_small_patch16_224.augreg_in21k": 120, "vit_small": 88,
}  # fmt: skip
USUAL_GFLOPS, USUAL_DIMENSION, USUAL_CLASSES, USUAL_MB = 8.2, 2048, 1000, 100
# Of the built-in networks; those of other architectures are about as small as the plain ResNet or smaller.
BUILTIN_GFLOPS = {
    "resnet_deep": 0.0128,
    "resnet_half": 0.0015,
    "vgg_half": 0.0008,
    "mobilenet": 0.0009,
}
USUAL_BUILTIN_GFLOPS, BUILTIN_DIMENSION = 0.0057, 128
# Training and test images, and GB to fetch.
TASKS = {
    "Caltech101": (3060, 6084, 0.2), "CIFAR10": (50000, 10000, 0.2), "CIFAR100": (50000, 10000, 0.2),
    "DTD": (3760, 1880, 0.6), "EuroSAT": (21600, 5400, 0.1), "FGVCAircraft": (6667, 3333, 2.8),
    "Flowers102": (2040, 6149, 0.4), "Food101": (75750, 25250, 5.0), "OxfordIIITPet": (3680, 3669, 0.8),
    "PCAM": (262144, 32768, 7.5), "StanfordCars": (8144, 8041, 2.0), "SUN397": (76128, 10875, 39.0),
    "VOC2007": (5011, 4952, 0.9),
}  # fmt: skip
# Those of the built-in tasks, and their classes. Looked up there they would take packages that no estimate needs.
BUILTIN_TASKS = {
    "objects": (1000, 1600, 20), "digits": (600, 1197, 10), "materials": (1008, 1600, 16),
    "tissue": (1000, 1600, 2), "distort": (1008, 1600, 12), "greek": (1000, 1600, 20),
    "alphabets": (1440, 2400, 48), "flowers": (1200, 2400, 24), "defects": (1000, 2000, 2),
    "counting": (1000, 2000, 8), "poses": (1200, 2400, 8), "scenes": (600, 300, 8),
    "shapes": (2000, 1000, 24), "letters": (2000, 1000, 37), "textures": (2000, 1000, 24),
    "scribbles": (2000, 1000, 24), "mixture": (2000, 1000, 85),
}  # fmt: skip
# Sets of Pascal VOC: images, and GB to fetch; of Cityscapes training and test images, and classes.
VOC_SETS = {
    "VOC2007/train": (2501, 0.5), "VOC2007/val": (2510, 0.5), "VOC2007/trainval": (5011, 0.5),
    "VOC2007/test": (4952, 0.5),
    "VOC2012/train": (5717, 2.0), "VOC2012/val": (5823, 2.0), "VOC2012/trainval": (11540, 2.0),
}  # fmt: skip
CITYSCAPES = (2975, 500, 8)
# Pixels of an image's longer side for each of its shorter one.
SHAPES = {"builtin": 1.0, "cityscapes": 2.0}
USUAL_SHAPE = 4 / 3
OBJECTS_OF_AN_IMAGE = 3
USUAL_TASK = (2000, 1000, 0.0)
USUAL_CLASSES_OF_A_TASK = 20


@dataclass(frozen=True)
class Network:
    """``flops``: of the forward pass of an image of ``side`` pixels. ``dimension``: of its features; ``width``: with the
    head's outputs. ``megabytes``: of its weights."""

    flops: float
    dimension: int
    width: int
    megabytes: float
    side: int

    def flops_of(self, height: float, width: float) -> float:
        """Return the operations of a forward pass of an image of that size."""
        return self.flops * height * width / self.side**2


@dataclass(frozen=True)
class Task:
    """``train`` and ``test``: images, and ``known``: whether they were counted. ``train_objects`` and ``test_objects``: where
    it has boxes. ``shape``: of its images, the longer side over the shorter."""

    train: int
    test: int
    known: bool
    classes: int
    train_objects: float
    test_objects: float
    gigabytes: float
    shape: float


def look_up_task(root: Path, name: str, given: dict) -> Task:
    """Return what the card of a task says, or what is known of it by its definition ``given``."""
    train, test, gigabytes, known = *USUAL_TASK, False
    classes = USUAL_CLASSES_OF_A_TASK
    if given["source"] == "torchvision":
        train, test, gigabytes, known = *TASKS[given["name"]], True
    elif given["source"] == "builtin":
        train, test, classes = BUILTIN_TASKS[given["name"]]
        train, test, known = given.get("train", train), given.get("test", test), True
    elif given["source"] == "cityscapes":
        train, test, classes, known = *CITYSCAPES, True
    elif given["source"] == "voc" and (sets := _look_up_sets(given)):
        train, test, gigabytes = sets
        known = True
    if given.get("shots"):
        train = given["shots"] * classes
    objects = [OBJECTS_OF_AN_IMAGE * images for images in (train, test)]
    path = root / "resources" / "tasks" / name / "task.json"
    if path.exists() and (facts := read_json(path))["status"] == "ok":
        train, test, known = facts["train_samples"], facts["test_samples"], True
        classes = len(facts["classes"])
        counted = facts.get("objects", {})
        objects = [counted.get("train", 0), counted.get("test", 0)]
    shape = SHAPES.get(given["source"], USUAL_SHAPE)
    return Task(train, test, known, classes, *objects, gigabytes, shape)


def _look_up_sets(given: dict) -> tuple[int, int, float] | None:
    """Return the training and test images of named sets of VOC, and the GB of all; None of one's own."""
    counts, gigabytes = [], 0.0
    for split in ("train", "test"):
        named = given.get(split, [])
        sets = [VOC_SETS.get(name) for name in ([named] if isinstance(named, str) else named)]
        if not sets or None in sets:
            return None
        counts.append(sum(images for images, _ in sets))
        gigabytes += sum(size for _, size in sets)
    return counts[0], counts[1], gigabytes


def look_up_network(root: Path, name: str, given: dict, pretraining: dict) -> Network:
    """Return what the card of a checkpoint says, or what is known of it by its definition ``given``.

    ``pretraining``: the runs that make built-in checkpoints.
    """
    path = root / "resources" / "checkpoints" / name / "card.json"
    if path.exists() and (card := read_json(path))["status"] == "ok":
        width = card["dimension"] + (card.get("head_classes") or 0)
        megabytes = card["parameters"] * 4 / 1e6
        side = card["preprocessing"]["size"]
        return Network(card["forward_flops"], card["dimension"], width, megabytes, side)
    model = str(given.get("model", given.get("architecture", "")))
    side = given.get("size", given.get("preprocessing", {}).get("size"))
    scratch = given["source"] == "scratch" and given.get("library", "builtin") == "builtin"
    if given["source"] == "builtin" or scratch:
        model = pretraining.get(given.get("run"), given).get("architecture", "")
        flops = look_up(BUILTIN_GFLOPS, model, USUAL_BUILTIN_GFLOPS) * 1e9
        shown = side or BUILTIN_SIDE
        flops *= (shown / BUILTIN_SIDE) ** 2
        return Network(flops, BUILTIN_DIMENSION, BUILTIN_DIMENSION, 1, shown)
    usual = look_up(SIDES, model, USUAL_SIDE)
    shown = side or usual
    thickness = given.get("arguments", {}).get("channel_multiplier", 1)
    flops = look_up(GFLOPS, model, USUAL_GFLOPS) * 1e9 * (thickness * shown / usual) ** 2
    megabytes = look_up(MEGABYTES, model, USUAL_MB)
    return Network(flops, USUAL_DIMENSION, USUAL_DIMENSION + USUAL_CLASSES, megabytes, shown)


def is_known(root: Path, name: str, given: dict) -> bool:
    """Whether a card or the table says how large a network is; else :func:`look_up_network` takes a usual one's size."""
    path = root / "resources" / "checkpoints" / name / "card.json"
    if path.exists() and read_json(path)["status"] == "ok":
        return True
    return any(map(str(given.get("model", given.get("architecture", ""))).startswith, GFLOPS))


def look_up(table: dict[str, float], model: str, usual: float) -> float:
    """Return the entry of the longest beginning of a model's name that a table has."""
    names = [known for known in table if model.startswith(known)]
    return table[max(names, key=len)] if names else usual
