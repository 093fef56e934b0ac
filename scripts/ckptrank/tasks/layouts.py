"""Pascal VOC's folders, told from others without reading anything."""

from pathlib import Path

from ckptrank.errors import PairFault

PARTS = ("JPEGImages", "Annotations")
# Of VOCdevkit or an archive, of torchvision's `root`, and of that for its VOC2011, which lies in TrainVal.
BELOW = ("*", "VOCdevkit/*", "*/VOCdevkit/*")


def find_layout(folder: Path, name: str = "") -> Path | None:
    """Return the folder of VOC's layout, at ``folder`` or where archives and torchvision put it; None where there is none.

    ``name``: how its path ends, ``VOC2007``. Raises :class:`PairFault` where there are several such.
    """
    if is_layout(folder / name):
        return folder / name
    places = [folder, *(path for pattern in BELOW for path in sorted(folder.glob(pattern)))]
    end = Path(name).parts
    found = [
        path
        for path in places
        if path.parts[len(path.parts) - len(end) :] == end and is_layout(path)
    ]
    if len(found) > 1:
        known = [str(path.relative_to(folder)) for path in found]
        raise PairFault(
            f"{folder}: has several folders of VOC's layout ({', '.join(known)}); give the path of one, or name the sets "
            f"of images with theirs, as `train: {known[0]}/trainval`"
        )
    return found[0] if found else None


def is_layout(folder: Path) -> bool:
    return all((folder / part).is_dir() for part in PARTS)


def list_sets(layout: Path, masks: bool = False) -> list[str]:
    """Return the names of the sets of images that there are lists of."""
    lists = layout / "ImageSets" / ("Segmentation" if masks else "Main")
    return sorted(path.stem for path in lists.glob("*.txt"))
