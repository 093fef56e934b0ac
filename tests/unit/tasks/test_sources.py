"""The sources `folder`, `manifest` and `npz`, and what all sources share: shots and fractions."""

import shutil
import zipfile
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.support.pictures import write, write_classes

from ckptrank.errors import PairFault
from ckptrank.tasks import SOURCES, load_task
from ckptrank.tasks.image_files import PackedImages
from ckptrank.tasks.shots import choose_shots

SCHEMAS = Path(__file__).parents[3] / "scripts/ckptrank/workflow/schemas"


@pytest.fixture(autouse=True)
def cache(tmp_path, monkeypatch):
    monkeypatch.setenv("CKPTRANK_CACHE", str(tmp_path / "cache"))


@pytest.fixture
def folder(tmp_path):
    root = tmp_path / "photos"
    first = write_classes(root / "train", {"cat": 3, "dog": 2})
    write_classes(root / "test", {"cat": 1, "dog": 1}, first)
    return root


def load_folder(path, **fields):
    return load_task({"source": "folder", "path": str(path), **fields})


def load_manifest(path, **fields):
    return load_task({"source": "manifest", "path": str(path), **fields})


def test_every_source_has_a_schema_and_a_module():
    names = {path.name.removesuffix(".schema.yaml") for path in (SCHEMAS / "tasks").iterdir()}
    assert names == set(SOURCES)


# Folders


def test_a_folder_with_train_and_test(folder):
    task = load_folder(folder)
    assert task.classes == ("cat", "dog")
    assert task.train_labels.tolist() == [0, 0, 0, 1, 1]
    assert task.test_labels.tolist() == [0, 1]
    assert task.train_images.paths == (
        "cat/0.png",
        "cat/1.png",
        "cat/2.png",
        "dog/0.png",
        "dog/1.png",
    )
    content = (folder / "test/dog/0.png").read_bytes()
    assert task.test_images.read(1) == content
    assert task.test_images.name(1) == str(folder / "test/dog/0.png")


def test_other_names_of_the_two_folders(folder):
    (folder / "test").rename(folder / "later")
    assert len(load_folder(folder, test="later").test_labels) == 2
    with pytest.raises(PairFault, match="has no folder 'test'; give `test_fraction`"):
        load_folder(folder)


@pytest.mark.parametrize(
    ("train", "test"), [("Train", "Test"), ("train", "val"), ("training", "Validation")]
)
def test_usual_names_of_the_two_folders_are_understood(folder, train, test):
    (folder / "train").rename(folder / "moved")
    (folder / "moved").rename(folder / train)
    (folder / "test").rename(folder / "later")
    (folder / "later").rename(folder / test)
    task = load_folder(folder)
    assert task.classes == ("cat", "dog")
    assert (len(task.train_labels), len(task.test_labels)) == (5, 2)


def test_a_validation_set_beside_a_test_set_is_left_out(folder, caplog):
    write(folder / "val/cat/0.png", 50)
    task = load_folder(folder)
    assert (len(task.train_labels), len(task.test_labels)) == (5, 2)
    assert "left out 'val'" in caplog.text
    assert len(load_folder(folder, test="val").test_labels) == 1


def test_what_is_no_image_or_hidden_is_passed_over(folder, caplog):
    (folder / "train/cat/notes.txt").write_text("x")
    (folder / "train/.thumbnails").mkdir()
    write(folder / "train/.thumbnails/0.png")
    write(folder / "train/dog/deeper/9.PNG".lower(), 99)
    write(folder / "train/cat/.ipynb_checkpoints/0.png")
    (folder / "train/cat/._0.png").write_bytes(b"of a Mac")
    (folder / "train/fish").mkdir()
    task = load_folder(folder)
    assert task.classes == ("cat", "dog")
    assert task.train_images.paths[-1] == "dog/deeper/9.png"
    assert "passed over 1 files" in caplog.text
    assert "'fish' without images, no class" in caplog.text


def test_a_class_folder_may_be_a_link(folder, tmp_path):
    shutil.move(folder / "train/cat", tmp_path / "elsewhere")
    (folder / "train/cat").symlink_to(tmp_path / "elsewhere")
    assert len(load_folder(folder).train_labels) == 5


def test_a_class_without_training_images_is_a_fault(folder):
    write(folder / "test/emu/0.png", 77)
    with pytest.raises(PairFault, match="no training sample of 'emu'"):
        load_folder(folder)


def test_one_folder_is_split_in_proportion_and_by_the_seed(tmp_path):
    write_classes(tmp_path / "all", {"cat": 20, "dog": 10})
    tasks = [load_folder(tmp_path / "all", test_fraction=0.2, seed=seed) for seed in (0, 0, 1)]
    for task in tasks:
        assert np.bincount(task.train_labels).tolist() == [16, 8]
        assert np.bincount(task.test_labels).tolist() == [4, 2]
        assert not set(task.train_images.paths) & set(task.test_images.paths)
    assert tasks[0].test_images.paths == tasks[1].test_images.paths
    assert tasks[0].test_images.paths != tasks[2].test_images.paths


def test_a_fraction_of_a_folder_that_is_split_already_is_refused(folder):
    with pytest.raises(PairFault, match="take `test_fraction` away"):
        load_folder(folder, test_fraction=0.2)


def test_an_archive_with_a_folder_around_it(folder, tmp_path):
    archive = shutil.make_archive(str(tmp_path / "packed"), "zip", folder.parent, folder.name)
    task = load_folder(Path(archive).as_uri())
    assert task.train_labels.tolist() == [0, 0, 0, 1, 1]
    assert task.train_images.read(0) == (folder / "train/cat/0.png").read_bytes()
    with pytest.raises(PairFault, match="SHA-256"):
        load_folder(Path(archive).as_uri(), sha256="0" * 64)


@pytest.mark.parametrize("place", ["absent", "empty"])
def test_a_folder_without_images_is_a_fault(tmp_path, place):
    (tmp_path / "empty").mkdir()
    with pytest.raises(PairFault, match=r"no such file|no class folders"):
        load_folder(tmp_path / place, test_fraction=0.5)


# Manifests


def write_manifest(path, text):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")
    return path


def test_a_manifest_with_splits(folder):
    path = write_manifest(
        folder / "list.csv",
        "label,path,split,photographer\n"
        "Katze,train/cat/0.png,train,a\nHund,train/dog/0.png,train,b\nHund,test/dog/0.png,test,c\n",
    )
    task = load_manifest(path)
    assert task.classes == ("Hund", "Katze")
    assert task.train_labels.tolist() == [1, 0]
    assert task.test_labels.tolist() == [0]
    assert task.test_images.read(0) == (folder / "test/dog/0.png").read_bytes()


def test_paths_start_from_the_root(folder, tmp_path):
    text = (
        "path\tlabel\tsplit\ncat/0.png\tcat\ttrain\ndog/0.png\tdog\ttrain\ndog/1.png\tdog\ttest\n"
    )
    path = write_manifest(tmp_path / "elsewhere/list.tsv", text)
    task = load_manifest(path, root=str(folder / "train"))
    assert task.train_images.read(1) == (folder / "train/dog/0.png").read_bytes()


def test_several_labels_make_a_multi_label_task(folder):
    path = write_manifest(
        folder / "list.csv",
        "path,label,split\na.png,cat|dog,train\nb.png,,train\nc.png,dog,test\nd.png,emu|cat,train\n",
    )
    task = load_manifest(path)
    assert task.multi_label
    assert task.classes == ("cat", "dog", "emu")
    assert task.train_labels.tolist() == [[1, 1, 0], [0, 0, 0], [1, 0, 1]]
    assert task.test_labels.tolist() == [[0, 1, 0]]


def test_a_multi_label_task_of_single_labels_is_asked_for(folder):
    path = write_manifest(
        folder / "list.csv", "path,label,split\na,x,train\nb,y,train\nc,x,test\nd,,test\n"
    )
    assert load_manifest(path, multi_label=True).test_labels.tolist() == [[1, 0], [0, 0]]
    with pytest.raises(PairFault, match="line 5: the label is empty"):
        load_manifest(path)


def test_a_manifest_without_splits_is_split(folder):
    rows = "".join(f"{i}.png,{'ab'[i % 2]}\n" for i in range(20))
    path = write_manifest(folder / "list.csv", f"path,label\n{rows}")
    task = load_manifest(path, test_fraction=0.3)
    assert np.bincount(task.test_labels).tolist() == [3, 3]
    with pytest.raises(PairFault, match="has no column split; add it or give `test_fraction`"):
        load_manifest(path)


def test_a_manifest_of_a_spreadsheet(folder):
    """Semicolons, other names of the columns and other words for the splits."""
    path = write_manifest(
        folder / "list.csv",
        "File; Species;Part\ntrain/cat/0.png;Katze, klein;Train\ntrain/dog/0.png;Hund;train\n"
        "test/dog/0.png;Hund;Val\n",
    )
    named = {"path_column": "File", "label_column": "Species", "split_column": "Part"}
    task = load_manifest(path, **named)
    assert task.classes == ("Hund", "Katze, klein")
    assert task.test_labels.tolist() == [0]
    with pytest.raises(PairFault, match="no column path, label; it has File, Species, Part"):
        load_manifest(path)


def test_another_encoding_is_a_fault_with_its_line(tmp_path):
    path = tmp_path / "list.csv"
    path.write_bytes("path,label,split\na,x,train\nb,Bär,test\n".encode("latin-1"))
    with pytest.raises(PairFault, match=r"list\.csv, line 3: is not in UTF-8"):
        load_manifest(path)


def test_validation_rows_beside_test_rows_are_left_out(tmp_path):
    rows = "a,x,train\nb,y,train\nc,x,val\nd,y,test\ne,x,test\n"
    task = load_manifest(write_manifest(tmp_path / "list.csv", f"path,label,split\n{rows}"))
    assert task.train_labels.tolist() == [0, 1]
    assert task.test_images.paths == ("d", "e")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("path,split\na,train\n", "has no column label"),
        ("", "has no column path, label"),
        ("path,label,split\n", "has no rows"),
        (
            "path,label,split\na,x,train\nb,y,Later\n",
            "line 3: split is 'Later', expected train and test, or val",
        ),
        ("path,label,split\na,x\n", "line 2: not as many fields"),
        ("path,label,split\na,x,train,b\n", "line 2: not as many fields"),
        ("path,label,split\na,x,train\nb,y,train\n", "split is train everywhere"),
    ],
)
def test_faults_of_a_manifest_are_named_with_their_line(tmp_path, text, message):
    with pytest.raises(PairFault, match=message):
        load_manifest(write_manifest(tmp_path / "list.csv", text))


# Arrays


def save_npz(path, **changes):
    arrays = {
        "train_images": np.arange(4 * 6 * 6 * 3, dtype=np.uint8).reshape(4, 6, 6, 3),
        "train_labels": np.array([[0], [1], [2], [1]], np.uint8),
        "test_images": np.zeros((2, 6, 6, 3), np.uint8),
        "test_labels": np.array([[2], [0]], np.uint8),
    }
    arrays |= changes
    np.savez(path, **{name: array for name, array in arrays.items() if array is not None})
    return {"source": "npz", "path": str(path)}


def test_arrays_of_an_npz_file_are_mapped(tmp_path):
    task = load_task(save_npz(tmp_path / "a.npz", classes=np.array(["x", "y", "z"])))
    assert task.classes == ("x", "y", "z")
    assert task.train_labels.tolist() == [0, 1, 2, 1]
    assert task.train_labels.dtype == np.int64
    assert isinstance(task.train_images, np.memmap)
    assert task.train_images[3, 5, 5, 2] == (4 * 6 * 6 * 3 - 1) % 256


@pytest.mark.parametrize("shape", [(6, 6), (6, 6, 1)])
def test_greyscale_arrays_get_three_channels(tmp_path, shape):
    grey = np.arange(4 * 36, dtype=np.uint8).reshape(4, *shape)
    task = load_task(save_npz(tmp_path / "a.npz", train_images=grey))
    assert task.train_images.shape == (4, 6, 6, 3)
    assert task.train_images[1, 2, 3].tolist() == [36 + 15] * 3
    assert task.classes == ("0", "1", "2")


def test_a_label_matrix_makes_a_multi_label_task(tmp_path):
    task = load_task(
        save_npz(
            tmp_path / "a.npz",
            train_labels=np.array([[1, 0], [1, 1], [0, 0], [0, 1]], bool),
            test_labels=np.eye(2, dtype=np.int64),
        )
    )
    assert task.multi_label
    assert task.classes == ("0", "1")


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"test_images": None}, "test_images: not in the file, which holds test_labels, train_"),
        ({"train_images": np.zeros((4, 6, 6, 3))}, r"train_images: expected \(N, H, W, 3\) uint8"),
        (
            {"train_labels": np.zeros(4)},
            r"train_labels: expected whole numbers .* got \(4,\) float64",
        ),
        ({"train_labels": np.array([None] * 4)}, "train_labels: .*Python objects"),
    ],
)
def test_faults_of_an_npz_file_are_named(tmp_path, changes, message):
    with pytest.raises(PairFault, match=message):
        load_task(save_npz(tmp_path / "a.npz", **changes))


def test_a_file_that_is_no_npz_is_a_fault(tmp_path):
    with zipfile.ZipFile(tmp_path / "a.npz", "w") as archive:
        archive.writestr("train_images.npy", b"no array")
    with pytest.raises(PairFault, match="train_images"):
        load_task({"source": "npz", "path": str(tmp_path / "a.npz")})


# Shots


def test_shots_limit_the_training_set_alone(folder):
    task = load_folder(folder, shots=1)
    assert task.train_labels.tolist() == [0, 1]
    assert len(task.train_images) == 2
    assert len(task.test_labels) == 2
    assert len(load_folder(folder, shots=None).train_labels) == 5


def test_shots_of_arrays(tmp_path):
    task = load_task({**save_npz(tmp_path / "a.npz"), "shots": 1})
    assert task.train_labels.tolist() in ([0, 1, 2], [0, 2, 1])
    assert task.train_images.shape == (3, 6, 6, 3)


@given(
    labels=st.lists(st.integers(0, 3), min_size=1, max_size=60),
    few=st.integers(1, 5),
    more=st.integers(0, 20),
    seed=st.integers(0, 5),
)
def test_shots_are_nested_and_counted(labels, few, more, seed):
    labels = np.array(labels)
    small, large = choose_shots(labels, few, seed), choose_shots(labels, few + more, seed)
    assert set(small) <= set(large)
    counts = np.bincount(labels)
    np.testing.assert_array_equal(
        np.bincount(labels[small], minlength=len(counts)), np.minimum(counts, few)
    )


@given(
    rows=st.lists(st.lists(st.booleans(), min_size=3, max_size=3), min_size=1, max_size=40),
    few=st.integers(1, 5),
    more=st.integers(0, 20),
)
def test_shots_of_several_labels_are_nested_and_suffice(rows, few, more):
    labels = np.array(rows, np.uint8)
    small, large = choose_shots(labels, few, 0), choose_shots(labels, few + more, 0)
    assert set(small) <= set(large)
    assert (labels[small].sum(0) >= np.minimum(labels.sum(0), few)).all()
    assert len(small) <= few * labels.shape[1]


def test_packed_images_are_read_back(tmp_path):
    packed = PackedImages.write(tmp_path / "a.bin", [b"one", b"", b"three"])
    assert [packed.read(row) for row in range(len(packed))] == [b"one", b"", b"three"]
    assert packed.name(2) == f"{tmp_path / 'a.bin'}, image 2"
