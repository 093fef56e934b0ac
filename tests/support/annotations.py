"""Small sets of annotated images, in the folders of Pascal VOC and of Cityscapes and in COCO's format."""

import json

from PIL import Image

from tests.support.pictures import write

WIDTH, HEIGHT = 40, 30


def write_voc(root, sets, size=(WIDTH, HEIGHT), first=0):
    """Write VOC's layout; ``sets``: set -> image -> objects (name, left, top, right, bottom[, difficult])."""
    number = first
    for name, images in sets.items():
        listed = root / "ImageSets/Main" / f"{name}.txt"
        listed.parent.mkdir(parents=True, exist_ok=True)
        listed.write_text("".join(f"{image}\n" for image in images))
        for image, objects in images.items():
            write(root / "JPEGImages" / f"{image}.jpg", number, size=size)
            write_xml(root, image, objects, size)
            number += 1
    return root


def write_xml(root, image, objects, size=(WIDTH, HEIGHT)):
    lines = ["<annotation>", f"<size><width>{size[0]}</width><height>{size[1]}</height></size>"]
    for name, left, top, right, bottom, *difficult in objects:
        lines += ["<object>", f"<name>{name}</name><difficult>{int(bool(difficult))}</difficult>"]
        lines += [
            f"<bndbox><xmin>{left}</xmin><ymin>{top}</ymin><xmax>{right}</xmax><ymax>{bottom}</ymax></bndbox>"
        ]
        lines += ["</object>"]
    path = root / "Annotations" / f"{image}.xml"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("\n".join([*lines, "</annotation>"]))


def write_cityscapes(root, sets):
    """Write Cityscapes' layout; ``sets``: split -> image -> numbers (H, W) uint16 of the objects of its pixels."""
    number = 0
    for split, images in sets.items():
        for name, numbers in images.items():
            size = numbers.shape[::-1]
            write(root / f"leftImg8bit/{split}/ulm/{name}_leftImg8bit.png", number, size=size)
            path = root / f"gtFine/{split}/ulm/{name}_gtFine_instanceIds.png"
            path.parent.mkdir(parents=True, exist_ok=True)
            Image.fromarray(numbers).save(path)
            number += 1
    return root


def write_coco(file, images, annotations, categories=("cat", "dog"), first=0):
    """Write an annotation file with images of 40 x 30 pixels beside it; annotations lack ids, which are numbered."""
    for number, name in enumerate(images):
        write(file.parent / name, first + number, size=(WIDTH, HEIGHT))
    content = {
        "images": [
            {"id": number, "file_name": name, "width": WIDTH, "height": HEIGHT}
            for number, name in enumerate(images)
        ],
        "annotations": [{"id": 100 + n, **each} for n, each in enumerate(annotations)],
        "categories": [{"id": 7 + n, "name": name} for n, name in enumerate(categories)],
    }
    file.write_text(json.dumps(content))
    return file
