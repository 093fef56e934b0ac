import tracemalloc

import h5py
import numpy as np
import pytest

from ckptrank.errors import PairFault
from ckptrank.features import store
from ckptrank.features.store import create_features, open_features, write_failed


@pytest.fixture
def arrays():
    generator = np.random.default_rng(0)
    return {
        split: (generator.normal(size=(n, 3)).astype("float32"), np.arange(n) % 2)
        for split, n in (("train", 5), ("test", 4))
    }


def write(path, arrays, logits=None):
    with create_features(path, "net", "digits") as writer:
        for split, (features, labels) in arrays.items():
            writer.add_split(split, labels, np.arange(len(labels)))
            for start in range(0, len(labels), 2):
                rows = slice(start, start + 2)
                writer.write(
                    split,
                    start,
                    features=features[rows],
                    logits=None if logits is None else logits[split][rows],
                )
        writer.set_attributes(sha256="abc", preprocessing={"size": 32})


def test_batches_are_put_together_again(tmp_path, arrays):
    write(tmp_path / "a.h5", arrays)
    features = open_features(tmp_path / "a.h5")
    for split in (features.train, features.test):
        np.testing.assert_array_equal(split.read("features"), arrays[split.name][0])
        np.testing.assert_array_equal(split.read("labels"), arrays[split.name][1])
    assert features.train.read("features").dtype == np.float32
    assert features.attributes["checkpoint"] == "net"
    assert features.attributes["preprocessing"] == '{"size": 32}'


def test_a_checkpoint_without_a_head_has_no_logits(tmp_path, arrays):
    write(tmp_path / "a.h5", arrays)
    assert open_features(tmp_path / "a.h5").train.read("logits") is None
    logits = {split: features[:, :2] for split, (features, _) in arrays.items()}
    write(tmp_path / "b.h5", arrays, logits)
    np.testing.assert_array_equal(
        open_features(tmp_path / "b.h5").test.read("logits"), logits["test"]
    )


def test_the_shape_is_that_of_what_would_be_read(tmp_path, arrays):
    write(tmp_path / "a.h5", arrays)
    train = open_features(tmp_path / "a.h5").train
    limited = train.limited_to(np.array([0, 4]))
    assert (train.shape("features"), limited.shape("features")) == ((5, 3), (2, 3))
    assert limited.shape("logits") == ()


def test_rows_can_be_limited_twice(tmp_path, arrays):
    write(tmp_path / "a.h5", arrays)
    split = open_features(tmp_path / "a.h5").train.limited_to(np.array([0, 2, 4]))
    np.testing.assert_array_equal(
        split.limited_to(np.array([2])).read("features"), arrays["train"][0][[4]]
    )


@pytest.mark.parametrize("rows", [[0, 1, 2, 3, 4], [1, 4], [3, 0, 2], []])
@pytest.mark.parametrize("block_rows", [1, 2, 3, 100])
def test_rows_are_read_by_blocks(tmp_path, monkeypatch, arrays, rows, block_rows):
    write(tmp_path / "a.h5", arrays)
    monkeypatch.setattr(store, "_BLOCK_BYTES", block_rows * 3 * 4)
    rows = np.array(rows, dtype=int)
    read = open_features(tmp_path / "a.h5").train.limited_to(rows)
    np.testing.assert_array_equal(read.read("features"), arrays["train"][0][rows])
    np.testing.assert_array_equal(read.read("labels"), arrays["train"][1][rows])
    np.testing.assert_array_equal(read.read("sample_id"), rows)


def test_reading_some_rows_holds_no_more_than_these_and_a_block(tmp_path, monkeypatch):
    features = np.zeros((4000, 100), "float32")
    write(tmp_path / "a.h5", {"train": (features, np.zeros(4000, int))})
    monkeypatch.setattr(store, "_BLOCK_BYTES", features.nbytes // 20)
    split = open_features(tmp_path / "a.h5").train.limited_to(np.arange(0, 4000, 2))
    tracemalloc.start()
    values = split.read("features")
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert values.nbytes < peak < 1.4 * values.nbytes


def test_a_failed_extraction_says_why(tmp_path):
    write_failed(tmp_path / "a.h5", "net", "digits", "the weights are corrupt")
    with pytest.raises(PairFault, match="the weights are corrupt"):
        open_features(tmp_path / "a.h5")


def test_another_schema_version_is_refused(tmp_path, arrays):
    write(tmp_path / "a.h5", arrays)
    with h5py.File(tmp_path / "a.h5", "a") as file:
        file.attrs["schema_version"] = 99
    with pytest.raises(ValueError, match="schema version 99"):
        open_features(tmp_path / "a.h5")


def test_a_killed_extraction_leaves_no_file(tmp_path):
    def die():
        with create_features(tmp_path / "a.h5", "net", "digits") as writer:
            writer.add_split("train", np.zeros(2, int), np.arange(2))
            raise PairFault("features hold NaN")

    with pytest.raises(PairFault):
        die()
    assert not list(tmp_path.iterdir())
