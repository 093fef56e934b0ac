"""What data sets call their parts, and which of them are the training and the test set."""

from collections.abc import Iterable

TRAINING = ("train", "training")
TEST = ("test", "testing")
VALIDATION = ("val", "valid", "validation", "dev")


def find_split(names: Iterable[str]) -> tuple[str, str] | None:
    """Return the names, as they are spelt, of the training and the test set; None where one is missing.

    A validation set is the test set where there is no other.

    Example:
        >>> find_split(["Train", "val"]), find_split(["train", "val", "test"]), find_split(["cat", "train"])
        (('Train', 'val'), ('train', 'test'), None)
    """
    spelt = {name.lower(): name for name in names}
    training = [spelt[name] for name in TRAINING if name in spelt]
    test = [spelt[name] for name in (*TEST, *VALIDATION) if name in spelt]
    return (training[0], test[0]) if training and test else None


def find_left_out(names: Iterable[str]) -> list[str]:
    """Return the validation sets that are neither: those beside a test set.

    Example:
        >>> find_left_out(["train", "val", "test"]), find_left_out(["train", "val"])
        (['val'], [])
    """
    names = list(names)
    split = find_split(names)
    return [name for name in names if split and name.lower() in VALIDATION and name not in split]
