"""Pictures of what detectors find: masks have the colour of their class, what was kept without them has boxes."""

import base64
import io
import itertools
from dataclasses import replace

import numpy as np
import pytest
from PIL import Image
from tests.support.scenes import prepare_scenes

from ckptrank.detection.masks import decode_masks, paint_classes
from ckptrank.files.atomic import write_json
from ckptrank.report.detection.examples import render_examples
from ckptrank.report.detection.overlays import GREYS, LOOKS, draw_swatch, fill_masks
from ckptrank.report.kit import theme
from ckptrank.tasks.annotated import encode_pixels
from ckptrank.tasks.objects import save_objects
from ckptrank.tasks.store import open_task

SCALE = 2  # of the pictures of scenes


@pytest.fixture
def scenes(tmp_path):
    return open_task(prepare_scenes(tmp_path / "scenes", train=8, test=2))


def render(scenes, best, worst):
    rows = []
    for title, examples in (("Best", best), ("Worst", worst)):
        rows.append((title, scenes.folder.parent / f"{title}.json"))
        write_json(rows[-1][1], {"details": {"examples": examples}})
    return render_examples(scenes.folder, rows)


def find_all(scenes, image, kept=("boxes", "labels", "scores", "masks")):
    """Return the example of a detector that finds all there is."""
    objects = scenes.objects("test")
    rows = list(objects.rows(image))
    example = {
        "boxes": objects.boxes[rows].tolist(),
        "labels": objects.labels[rows].tolist(),
        "scores": [0.9] * len(rows),
        "masks": [objects.masks[row].decode() for row in rows],
    }
    return {"image": image} | {key: example[key] for key in kept}


def read_picture(uri):
    content = base64.b64decode(uri.split(",")[1])
    return np.asarray(Image.open(io.BytesIO(content)).convert("RGB")).astype(int)


def chroma(picture):
    return np.ptp(picture, axis=2)


def enlarge(mask):
    return mask.repeat(SCALE, axis=0).repeat(SCALE, axis=1)


def rgb(color):
    return [int(color[at : at + 2], 16) for at in (1, 3, 5)]


def test_a_mask_has_the_colour_of_its_class_on_a_grey_picture(scenes):
    only = find_all(scenes, 0) | {"boxes": [], "labels": [], "scores": [], "masks": []}
    solid = np.zeros(scenes.objects("test").sizes[0], np.uint8)
    solid[10:40, 20:60] = 1
    example = {**only, "labels": [3], "masks": [encode_pixels(solid).decode()]}
    example |= {"boxes": [[20, 10, 60, 40]], "scores": [0.8]}
    table = render(scenes, [example], [only])
    assert table["titles"] == ["What there is", "Best", "Worst"]
    assert "grey" in table["note"]
    assert "own run" in table["note"]
    ((truth, best, worst),) = (map(read_picture, row) for row in table["rows"])
    inside = enlarge(solid).astype(bool)
    assert chroma(worst).max() < 12
    assert chroma(truth).max() > 40
    # Inside the box and beyond it, away from its lines and its name.
    assert chroma(best)[50:70, 60:100].min() > 20
    assert chroma(best)[~inside & (np.arange(192) > 140)].max() < 12
    names = [name for _, name in table["legend"]]
    here = {*scenes.objects("test").labels[list(scenes.objects("test").rows(0))], 3}
    assert names == [scenes.facts["classes"][label] for label in sorted(here)]
    color = rgb(theme.CATEGORICAL[sorted(here).index(3)])
    assert np.abs(best[55:65, 70:90].mean(axis=(0, 1)) - color).max() < 45


def test_pixels_that_do_not_count_are_left_bare_in_truth_and_in_what_is_found(scenes):
    objects = scenes.objects("test")
    crowd = np.zeros(len(objects.labels), bool)
    crowd[objects.bounds[0]] = True
    save_objects(scenes.folder, {"train": objects, "test": replace(objects, crowd=crowd)})
    ignored = paint_classes(scenes.objects("test"), 0) == 255
    everywhere = encode_pixels(np.ones_like(ignored)).decode()
    example = {"image": 0, "labels": [5], "masks": [everywhere]}
    table = render(scenes, [example], [{"image": 0, "labels": [], "masks": []}])
    truth, best, worst = map(read_picture, table["rows"][0])
    # JPEG mixes colours of pixels within a block, so that only the mean is sure.
    assert ignored.sum() > 20
    assert chroma(worst).max() < 12
    bare = enlarge(ignored)
    assert chroma(truth)[bare].mean() < 12
    assert chroma(best)[bare].mean() < chroma(best)[~bare].mean() / 2


def test_what_was_kept_before_there_were_masks_has_boxes_alone(scenes):
    old = [find_all(scenes, image, ("boxes", "labels", "scores")) for image in (0, 1)]
    table = render(scenes, old, [old[0]])
    assert table["legend"] == []
    assert "grey" not in table["note"]
    assert [[bool(picture) for picture in row] for row in table["rows"]] == [
        [True] * 3,
        [True, True, False],
    ]
    # The picture is as it is, in colour, wherever no box or name is.
    raw = np.asarray(Image.fromarray(np.array(scenes.images("test")[1])).resize((192, 192)), int)
    shown = read_picture(table["rows"][1][0])
    assert np.median(np.abs(shown - raw)) < 8


def test_masks_of_the_best_stand_beside_boxes_of_an_older_file(scenes):
    best, worst = find_all(scenes, 0), find_all(scenes, 0, ("boxes", "labels", "scores"))
    table = render(scenes, [best], [worst])
    masks = decode_masks(best["masks"], scenes.objects("test").sizes[0]).any(axis=0)
    colored = [chroma(read_picture(picture))[enlarge(masks)].mean() for picture in table["rows"][0]]
    assert colored[0] > 1.5 * colored[2]
    assert colored[1] > colored[2]


@pytest.mark.parametrize("rows", [[], [("Best", [])]])
def test_where_nothing_was_kept_there_are_no_pictures(scenes, tmp_path, rows):
    files = []
    for title, examples in rows:
        write_json(tmp_path / "a.json", {"details": {"examples": examples}})
        files.append((title, tmp_path / "a.json"))
    assert render_examples(scenes.folder, files) is None


def test_looks_differ_and_then_begin_again():
    seen = [np.asarray(draw_swatch(look, 16, 16), int) for look in range(LOOKS + 1)]
    differences = [np.abs(a - b).mean() for a, b in itertools.combinations(seen[:LOOKS], 2)]
    assert min(differences) > 10
    assert (seen[LOOKS] == seen[0]).all()


def test_the_smaller_mask_is_in_front_and_a_line_is_around_each():
    large, small = np.zeros((2, 40, 40), bool)
    large[5:35, 5:35], small[10:20, 10:20] = True, True
    picture = Image.new("RGB", (40, 40), "black")
    filled = np.asarray(fill_masks(picture, [(small, 0), (large, 1)]))
    again = np.asarray(fill_masks(picture, [(large, 1), (small, 0)]))
    assert (filled == again).all()
    ground, front, behind, line = filled[1, 1], filled[15, 15], filled[30, 30], filled[15, 4]
    assert ground.tolist() == [GREYS[0]] * 3
    assert line.tolist() == filled[15, 9].tolist() == [255] * 3
    blue, ochre = (np.array(rgb(color)) for color in (theme.BLUE, theme.OCHRE))
    for shown, color in ((front, blue), (behind, ochre)):
        assert np.abs(shown - (0.75 * color + 0.25 * GREYS[0])).max() <= 1
