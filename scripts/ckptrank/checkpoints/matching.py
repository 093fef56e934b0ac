"""Keys of a file against those of the network that it should fit: which are meant, and what would mend it."""

import re
from collections import Counter, defaultdict
from collections.abc import Collection, Iterable, Mapping
from itertools import accumulate

from torch import Tensor

MOST = 4  # pairs and prefixes that a message shows
Keys = Mapping[str, Tensor]


def find_common_prefix(given: Collection[str], needed: Collection[str]) -> str:
    """Return the one prefix that all keys of a file have and no needed key lacks without it, else nothing.

    So the keys are that ``DataParallel`` (``module.``), ``torch.compile`` (``_orig_mod.``) and Lightning
    (``model.``) save.
    """
    first = next(iter(given), "")
    for prefix in _prefixes(first):
        if not all(key.startswith(prefix) for key in given):
            break
        if needed and {f"{prefix}{key}" for key in needed} <= set(given):
            return prefix
    return ""


def describe_misfit(given: Keys, own: Keys, optional: Collection[str]) -> str:
    """Return how the keys of a file may be meant: pairs of likely matches and the entry that would mend them.

    ``own``: the network's tensors, of which those of ``optional`` may be missing. Empty where nothing
    is alike.
    """
    needed = [key for key in own if key not in optional]
    if prefixes := _find_prefixes(given, needed):
        choices = " or ".join(f"`strip_prefix: {prefix}`" for prefix in prefixes[:MOST])
        return f"all keys of the network are there with {choices}"
    pairs = _pair(given, {key: own[key] for key in needed})
    if not pairs:
        return ""
    shown = ", ".join(f"{theirs} ~ {ours}" for theirs, ours in pairs[:MOST])
    rest = f" and {len(pairs) - MOST} more" if len(pairs) > MOST else ""
    words = f"of the same shape (file ~ network): {shown}{rest}"
    rename = _find_rename(given, needed, pairs)
    if not rename:
        return words
    listed = ", ".join(f"['{pattern}', '{new}']" for pattern, new in rename)
    return f"{words}; `rename: [{listed}]` would fit all"


def _prefixes(key: str) -> list[str]:
    parts = key.split(".")[:-1]
    return list(accumulate(f"{part}." for part in parts))


def _find_prefixes(given: Iterable[str], needed: Collection[str]) -> list[str]:
    """Return the prefixes under which a file has every needed key, shortest first."""
    given = set(given)
    candidates = {prefix for key in given for prefix in _prefixes(key)}
    fitting = [p for p in candidates if needed and all(f"{p}{key}" in given for key in needed)]
    return sorted(fitting, key=lambda prefix: (len(prefix), prefix))


def _pair(given: Keys, own: Keys) -> list[tuple[str, str]]:
    """Return (key of the file, key of the network) of tensors of one shape and last name, in their order.

    State dicts have the order in which their network was put together, which names do not change.
    """
    theirs, ours = _sort(given, own), _sort(own, given)
    pairs = []
    for kind, keys in ours.items():
        if len(keys) == len(theirs[kind]):
            pairs += zip(theirs[kind], keys, strict=True)
    place = {key: at for at, key in enumerate(own)}
    return sorted(pairs, key=lambda pair: place[pair[1]])


def _sort(keys: Keys, other: Keys) -> dict[tuple, list[str]]:
    kinds: dict[tuple, list[str]] = defaultdict(list)
    for key, tensor in keys.items():
        if key not in other:
            kinds[(tuple(tensor.shape), key.rpartition(".")[2])].append(key)
    return kinds


def _find_rename(
    given: Iterable[str], needed: Collection[str], pairs: Collection[tuple[str, str]]
) -> list[tuple[str, str]]:
    """Return the (pattern, replacement) that make all needed keys of the file's, or nothing."""
    found: Counter[tuple[str, str]] = Counter()
    for theirs, ours in pairs:
        left, right = theirs.split("."), ours.split(".")
        while left and right and left[-1] == right[-1]:
            left.pop()
            right.pop()
        while left and right and left[0] == right[0]:
            del left[0], right[0]
        if left:
            found[(".".join(left), ".".join(right))] += 1
    rules = [_rule(old, new) for (old, new), _ in found.most_common()]
    renamed = {rename(key, rules) for key in given}
    return rules if len(rules) <= 2 * MOST and renamed >= set(needed) else []


def _rule(old: str, new: str) -> tuple[str, str]:
    """Return a pattern of whole parts of a key, and what replaces them."""
    pattern = re.escape(old)
    return rf"(^|\.){pattern}\.", rf"\g<1>{new}." if new else r"\g<1>"


def rename(key: str, rules: Iterable[tuple[str, str]]) -> str:
    """Return a key after each (pattern, replacement), as :func:`re.sub` does it, one after the other."""
    for pattern, new in rules:
        key = re.sub(pattern, new, key)
    return key
