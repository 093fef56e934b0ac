"""Bundles that TensorFlow wrote (tests/data/bundle), and others of the same format that the tests write."""

import shutil
from pathlib import Path

import numpy as np
import pytest
from tests.support.bundles import MAGIC, field, slow_crc32c, write_bundle, write_index

from ckptrank.errors import PairFault
from ckptrank.files.bundles import Bundle
from ckptrank.files.bundles.crc32c import crc32c
from ckptrank.files.bundles.encodings import Malformed, decompress_snappy, order_key

WRITTEN = Path(__file__).parents[2] / "data" / "bundle"
VARIABLES = {
    "a/weights": np.arange(24, dtype=np.float32).reshape(2, 3, 4),
    "a/counts": np.array([3, -1, 2**40], np.int64),
    "b": np.float32(2.5),
    "b/empty": np.zeros((0, 3), np.float32),
    "c/rows": np.arange(210, dtype=np.float64).reshape(70, 3),
}


@pytest.mark.parametrize("prefix", ["model", "snappy"])
def test_what_tensorflow_wrote_is_read(tmp_path, prefix):
    """All types, scalars, empty ones, strings, variables in slices; with an index in compressed blocks too."""
    for suffix in ("index", "data-00000-of-00001"):
        source = prefix if suffix == "index" else "model"
        shutil.copy(WRITTEN / f"{source}.ckpt-300000.{suffix}", tmp_path / f"m.{suffix}")
    bundle = Bundle(tmp_path / "m")
    with np.load(WRITTEN / "values.npz") as expected:
        names = [name for name in expected.files if "|" not in name]
        assert sorted(bundle.entries) == sorted(names)
        for name in names:
            found = bundle.read(name)
            if bundle.entries[name].dtype == "string":
                found = found.astype("S")
            assert found.dtype == expected[name].dtype
            assert found.shape == expected[name].shape
            assert found.tobytes() == expected[name].tobytes()


@pytest.mark.parametrize("shards", [1, 3])
def test_what_the_tests_write_is_read(tmp_path, shards):
    prefix = write_bundle(tmp_path / "m-1", VARIABLES, shards=shards, partitioned=["c/rows"])
    bundle = Bundle(prefix)
    assert list(bundle.entries) == sorted(VARIABLES)
    for name, values in VARIABLES.items():
        assert bundle.read(name).dtype == values.dtype
        np.testing.assert_array_equal(bundle.read(name), values)


def test_an_index_of_many_blocks(tmp_path):
    values = {f"v/{number:04}": np.int32(number) for number in range(500)}
    bundle = Bundle(write_bundle(tmp_path / "many", values))
    assert [int(bundle.read(name)) for name in bundle.entries] == list(range(500))


@pytest.mark.parametrize("size", [0, 1, 63, 64, 65, 130, 255, 1000, 4097])
def test_the_checksum_is_that_of_the_loop_over_bytes(size):
    data = np.random.default_rng(size).bytes(size)
    assert crc32c(data) == slow_crc32c(data)


def test_keys_of_slices_are_those_of_tensorflow():
    key = b"\0part/long\0\1\1\1\xda\x34\xda\x34"
    assert order_key("part/long", [(0x1A34, 0x1A34)]) == key
    assert order_key("x\xff", [(64, -1)])[1:6] == b"x\xc3\xbf\x00\x01"


def corrupt(path, at, flip=0x40):
    content = bytearray(Path(path).read_bytes())
    content[at] ^= flip
    Path(path).write_bytes(content)


def test_a_changed_byte_of_the_values_is_found(tmp_path):
    prefix = write_bundle(tmp_path / "m", VARIABLES)
    offset = Bundle(prefix).entries["a/weights"].offset
    corrupt(f"{prefix}.data-00000-of-00001", offset + 17)
    bundle = Bundle(prefix)
    with pytest.raises(PairFault, match=r"m: variable 'a/weights': its checksum is wrong"):
        bundle.read("a/weights")
    assert bundle.read("b") == 2.5


@pytest.mark.parametrize("at", [3, 60])
def test_a_changed_byte_of_the_index_is_found(tmp_path, at):
    prefix = write_bundle(tmp_path / "m", VARIABLES)
    corrupt(f"{prefix}.index", at)
    with pytest.raises(PairFault, match=r"m\.index: the checksum of the block at byte 0 is wrong"):
        Bundle(prefix)


@pytest.mark.parametrize("kept", [0, 20, 200])
def test_an_index_that_is_cut_off(tmp_path, kept):
    prefix = write_bundle(tmp_path / "m", VARIABLES)
    index = Path(f"{prefix}.index")
    index.write_bytes(index.read_bytes()[:kept])
    with pytest.raises(PairFault, match=r"m\.index: it is cut off or no index"):
        Bundle(prefix)


def test_values_that_are_cut_off_or_missing(tmp_path):
    prefix = write_bundle(tmp_path / "m", VARIABLES, shards=2)
    bundle = Bundle(prefix)
    data = Path(f"{prefix}.data-00001-of-00002")
    data.write_bytes(data.read_bytes()[:-1])
    with pytest.raises(PairFault, match=r"variable 'a/weights': m.data-00001-of-00002 ends before"):
        bundle.read("a/weights")
    data.unlink()
    with pytest.raises(PairFault, match=r"m.data-00001-of-00002, where it lies, is missing"):
        bundle.read("a/weights")


def test_a_foreign_file(tmp_path):
    (tmp_path / "m.index").write_bytes(b"PK\3\4" + bytes(100))
    with pytest.raises(PairFault, match=r"m\.index: it is cut off or no index of a TensorFlow"):
        Bundle(tmp_path / "m")
    (tmp_path / "m.index").write_bytes(bytes(40) + MAGIC)
    with pytest.raises(PairFault, match=r"m\.index: it ends within the block at byte 0"):
        Bundle(tmp_path / "m")


def test_what_is_not_there(tmp_path):
    with pytest.raises(PairFault, match=r"m\.index: no such file; give the prefix"):
        Bundle(tmp_path / "m")
    (tmp_path / "m").write_bytes(b"old")
    with pytest.raises(PairFault, match=r"old V1 format"):
        Bundle(tmp_path / "m")
    prefix = write_bundle(tmp_path / "n", VARIABLES)
    with pytest.raises(PairFault, match=r"n\.index: has no variable 'weights'"):
        Bundle(prefix).read("weights")


def test_the_old_format_under_a_new_name(tmp_path):
    write_index(tmp_path / "m.index", {b"": field(1, field(1, b"weights"))})
    with pytest.raises(PairFault, match=r"m\.index: it has no header of a checkpoint"):
        Bundle(tmp_path / "m")


def read_one(tmp_path, value, shards=1):
    write_index(tmp_path / "m.index", {b"": field(1, shards), b"v": value})
    (tmp_path / "m.data-00000-of-00001").write_bytes(bytes(100))
    return Bundle(tmp_path / "m").read("v")


@pytest.mark.parametrize(
    ("value", "words"),
    [
        (field(1, 20) + field(5, 4), "type 20 are not read"),
        (field(1, 1) + field(3, 5) + field(5, 4), "lies in shard 5 of 1"),
        (field(1, 1) + field(5, 4), "checksum is wrong"),
        (field(1, 1) + field(5, 1 << 50), "ends before it does"),
        (field(1, 1) + field(2, field(2, field(1, 1 << 40))) + field(7, field(1, field(2, 3))), "slice .* is not in the index"),
    ],
)  # fmt: skip
def test_entries_that_cannot_be_true(tmp_path, value, words):
    with pytest.raises(PairFault, match=rf"m: variable 'v': .*{words}"):
        read_one(tmp_path, value)


@pytest.mark.parametrize(
    "value", [b"\x0a\xff", b"\x0b", b"\xff" * 11, field(2, field(2, field(1, -2)))]
)
def test_an_entry_that_is_no_message(tmp_path, value):
    with pytest.raises(
        PairFault, match=r"m\.index: (it ends within|a field of|a number|a variable)"
    ):
        read_one(tmp_path, value)


@pytest.mark.parametrize(
    "block", [b"\x05\x10abcde\x01\x01", b"\x05\x01\x09", b"\x64\x10ab", b"\x03\x10abcdef"]
)
def test_a_compressed_block_that_is_none(block):
    with pytest.raises(Malformed):
        decompress_snappy(block)
