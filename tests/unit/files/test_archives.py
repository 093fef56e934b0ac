import hashlib
import io
import os
import tarfile
import zipfile

import pytest

from ckptrank.errors import PairFault
from ckptrank.files.archives import locate, unpack


@pytest.fixture(autouse=True)
def cache(tmp_path, monkeypatch):
    monkeypatch.setenv("CKPTRANK_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache"


@pytest.fixture(
    params=["filters", "none"] if hasattr(tarfile, "data_filter") else ["none"], autouse=True
)
def python(request, monkeypatch):
    """Archives are unpacked alike where the library has no filters, as in Debian 12's Python."""
    if request.param == "none":
        monkeypatch.delattr(tarfile, "data_filter", raising=False)


def make_tar(path, *members):
    """``members``: (name, content) or (name, type, link)."""
    with tarfile.open(path, "w:gz") as archive:
        for member in members:
            info = tarfile.TarInfo(member[0])
            if len(member) == 2:
                info.size = len(member[1])
                archive.addfile(info, io.BytesIO(member[1]))
            else:
                info.type, info.linkname = member[1:]
                archive.addfile(info)
    return path


def make_zip(path, *members):
    with zipfile.ZipFile(path, "w") as archive:
        for name, content in members:
            archive.writestr(name, content)
    return path


def test_an_address_without_a_hash_is_taken_and_its_hash_told(tmp_path, monkeypatch, caplog):
    archive = make_zip(tmp_path / "a.zip", ("a/b.txt", b"b"))
    monkeypatch.setattr("ckptrank.files.archives.download", lambda _url, _digest: archive)
    assert (locate("https://host/a.zip") / "a/b.txt").read_bytes() == b"b"
    assert hashlib.sha256(archive.read_bytes()).hexdigest() in caplog.text


@pytest.mark.parametrize(("make", "name"), [(make_tar, "a.tar.gz"), (make_zip, "a.zip")])
def test_an_archive_is_unpacked_once(tmp_path, make, name):
    archive = make(tmp_path / name, ("train/cat/1.jpg", b"one"), ("train/dog/2.jpg", b"two"))
    folder = unpack(archive)
    assert (folder / "train/cat/1.jpg").read_bytes() == b"one"
    (folder / "train/cat/1.jpg").write_bytes(b"mark")
    assert locate(str(archive)) == folder
    assert (folder / "train/cat/1.jpg").read_bytes() == b"mark"


@pytest.mark.parametrize(
    "members",
    [
        [("../out.jpg", b"x")],
        [("good/../../out.jpg", b"x")],
        [("link", tarfile.SYMTYPE, "/etc"), ("link/out.jpg", b"x")],
        [("link", tarfile.SYMTYPE, "../..")],
        [("hard", tarfile.LNKTYPE, "/etc/hostname")],
        [("device", tarfile.CHRTYPE, "")],
    ],
)
def test_tar_entries_that_lead_out_are_refused(tmp_path, cache, members):
    with pytest.raises(PairFault, match="cannot be unpacked"):
        unpack(make_tar(tmp_path / "a.tar.gz", ("first.jpg", b"x"), *members))
    assert not list(tmp_path.rglob("out.jpg"))
    assert not list(cache.rglob("first.jpg"))


@pytest.mark.parametrize("name", ["../out.jpg", "/tmp/out.jpg", "a\\..\\out.jpg"])
def test_zip_entries_that_lead_out_are_refused(tmp_path, name):
    with pytest.raises(PairFault, match="leads out"):
        unpack(make_zip(tmp_path / "a.zip", (name, b"x")))


def test_links_in_a_zip_are_refused(tmp_path):
    link = zipfile.ZipInfo("link")
    link.external_attr = 0o120777 << 16
    with pytest.raises(PairFault, match="is a link"):
        unpack(make_zip(tmp_path / "a.zip", (link, "/etc/hostname")))


def test_an_absolute_tar_path_stays_inside(tmp_path):
    folder = unpack(make_tar(tmp_path / "a.tar", ("/train/1.jpg", b"x")))
    assert (folder / "train/1.jpg").is_file()


@pytest.mark.parametrize("make", [make_tar, make_zip])
@pytest.mark.parametrize("limits", [{"most_bytes": 1500}, {"most_files": 1}])
def test_what_would_fill_the_disk_is_refused(tmp_path, cache, make, limits):
    archive = make(tmp_path / "a.zip", ("1", bytes(1000)), ("2", bytes(1000)))
    with pytest.raises(PairFault, match="unpacks to more than"):
        unpack(archive, **limits)
    assert not [path for path in cache.rglob("*") if path.is_dir() and path.name != "unpacked"]


def test_broken_archives_and_absent_paths_are_faults(tmp_path):
    (tmp_path / "a.zip").write_bytes(b"PK no zip")
    with pytest.raises(PairFault, match="cannot be unpacked"):
        locate(str(tmp_path / "a.zip"))
    with pytest.raises(PairFault, match="no such file or folder"):
        locate(str(tmp_path / "absent"))


def test_folders_and_plain_files_are_used_as_they_are(tmp_path):
    (tmp_path / "list.csv").write_text("path,label\n")
    assert locate(str(tmp_path)) == tmp_path
    assert locate((tmp_path / "list.csv").as_uri()) == tmp_path / "list.csv"
    assert os.listdir(tmp_path) == ["list.csv"]
