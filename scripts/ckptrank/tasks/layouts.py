"""Pascal VOC's folders, told from others without reading anything."""

from pathlib import Path

PARTS = ("JPEGImages", "Annotations")


def find_layout(folder: Path, part: str = "") -> Path | None:
    """Return the folder, at or just below ``folder``, whose ``part`` has VOC's layout; None where there is none."""
    places = [folder, *sorted(path for path in folder.glob("*") if path.is_dir())]
    return next((place for place in places if is_layout(place / part)), None)


def is_layout(folder: Path) -> bool:
    return all((folder / part).is_dir() for part in PARTS)


def list_sets(layout: Path, masks: bool = False) -> list[str]:
    """Return the names of the sets of images that there are lists of."""
    lists = layout / "ImageSets" / ("Segmentation" if masks else "Main")
    return sorted(path.stem for path in lists.glob("*.txt"))
