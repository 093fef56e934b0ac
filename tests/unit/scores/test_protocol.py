"""Which samples a measure is fitted on, and which it is judged by."""

import numpy as np
import pytest

from ckptrank.errors import PairFault
from ckptrank.scores.protocol import Protocol, choose_rows

TRAIN = Protocol("train", None)


def make_objects():
    """Two classes in 40 images of one to six objects."""
    generator = np.random.default_rng(0)
    images = np.repeat(np.arange(40), generator.integers(1, 7, size=40))
    return generator.integers(2, size=len(images)), images


def test_objects_of_an_image_are_not_torn_apart():
    labels, images = make_objects()
    fit, held = choose_rows(labels, TRAIN, True, "boxes", groups=images)
    assert set(images[fit]).isdisjoint(images[held])
    assert sorted([*fit, *held]) == list(range(len(labels)))
    assert 0.15 < len(held) / len(labels) < 0.25
    assert set(labels[held]) == {0, 1}
    torn = choose_rows(labels, TRAIN, True, "boxes")
    assert not set(images[torn[0]]).isdisjoint(images[torn[1]])


def test_the_split_is_the_same_for_every_checkpoint_and_holds_among_capped_samples():
    labels, images = make_objects()
    first, again = (choose_rows(labels, TRAIN, True, "boxes", groups=images) for _ in range(2))
    np.testing.assert_array_equal(first[1], again[1])
    fit, held = choose_rows(labels, Protocol("train", 20), True, "boxes", groups=images)
    assert len(fit) + len(held) == 40
    assert set(images[fit]).isdisjoint(images[held])


def test_nothing_is_held_out_of_what_all_measures_see():
    labels, images = make_objects()
    for protocol, needs in ((TRAIN, False), (Protocol("paper", None), True)):
        fit, held = choose_rows(labels, protocol, needs, "boxes", groups=images)
        assert len(fit) == len(labels)
        assert held is None


def test_objects_of_one_image_cannot_be_split():
    with pytest.raises(PairFault, match="1 groups: none can be held out"):
        choose_rows(np.array([0, 1, 0, 1]), TRAIN, True, "boxes", groups=np.zeros(4))
