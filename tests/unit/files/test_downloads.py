import errno
import hashlib
import os
import socket
from concurrent.futures import ThreadPoolExecutor
from urllib.error import URLError

import pytest
from tests.support.loopback import serve

from ckptrank.errors import PairFault, PassingFault
from ckptrank.files import downloads
from ckptrank.files.downloads import digest_in_name, download, retry


@pytest.fixture
def server():
    with serve() as running:
        yield running


@pytest.fixture(autouse=True)
def waits(tmp_path, monkeypatch):
    """A cache of its own, and waits that are noted and not waited for."""
    monkeypatch.setenv("CKPTRANK_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("TORCH_HOME", str(tmp_path / "torch"))
    noted = []
    monkeypatch.setattr(downloads.time, "sleep", noted.append)
    return noted


def digest_of(content):
    return hashlib.sha256(content).hexdigest()


def test_a_file_is_fetched_once_and_then_taken_from_the_cache(server):
    digest = digest_of(server.content)
    path = download(server.url, digest)
    assert path.read_bytes() == server.content
    assert path.name == "weights-file.bin"
    assert download(server.url, digest[:8].upper()) == path
    assert server.asked == [None]
    assert {file.name for file in path.parent.iterdir()} == {"weights-file.bin", ".lock"}


def test_a_broken_connection_is_resumed_where_it_broke(server, waits):
    server.broken_after = [300_000, 100_000]
    path = download(server.url, digest_of(server.content))
    assert path.read_bytes() == server.content
    assert server.asked == [None, "bytes=300000-", "bytes=400000-"]
    assert waits == [1, 2]


def test_what_a_killed_process_left_is_continued(server):
    server.broken_after = [200_000] * 5
    with pytest.raises(PairFault, match="connection broke after 1000000 of 1024000 bytes"):
        download(server.url, digest_of(server.content))
    assert download(server.url, digest_of(server.content)).read_bytes() == server.content
    assert server.asked[-1] == "bytes=1000000-"


def test_a_file_that_changed_meanwhile_is_fetched_anew(server, monkeypatch):
    server.broken_after = [300_000]
    other = server.content[::-1]

    def change(_seconds):
        server.content, server.tag = other, '"two"'

    monkeypatch.setattr(downloads.time, "sleep", change)
    assert download(server.url, digest_of(other)).read_bytes() == other
    assert server.asked == [None, "bytes=300000-"]


def test_a_beginning_of_another_file_is_found_by_the_hash(server):
    server.tag = ""
    digest = digest_of(server.content)
    folder = downloads.cache_folder() / "downloads" / digest_of(server.url.encode())[:16]
    folder.mkdir(parents=True)
    (folder / "weights-file.bin.part").write_bytes(b"something else")
    assert download(server.url, digest).read_bytes() == server.content
    assert server.asked == ["bytes=14-", None]


def test_a_server_without_ranges_sends_all_again(server):
    server.ranges = False
    server.broken_after = [300_000]
    assert download(server.url, digest_of(server.content)).read_bytes() == server.content


def test_a_part_that_is_longer_than_the_file_is_thrown_away(server):
    digest = digest_of(server.content)
    folder = downloads.cache_folder() / "downloads" / digest_of(server.url.encode())[:16]
    folder.mkdir(parents=True)
    (folder / "weights-file.bin.part").write_bytes(bytes(2_000_000))
    assert download(server.url, digest).read_bytes() == server.content


def test_a_wrong_hash_is_a_fault_and_leaves_nothing(server):
    with pytest.raises(PairFault, match=rf"SHA-256 is {digest_of(server.content)}, expected 0000"):
        download(server.url, "0" * 64)
    assert server.asked == [None]
    assert not list(downloads.cache_folder().rglob("weights*"))


def test_a_cached_file_that_was_damaged_is_fetched_again(server):
    digest = digest_of(server.content)
    path = download(server.url, digest)
    path.write_bytes(b"damaged")
    assert download(server.url, digest).read_bytes() == server.content


def test_a_busy_server_is_asked_again_and_an_absent_file_is_not(server, waits):
    server.codes = [503, 429]
    assert download(server.url, digest_of(server.content)).is_file()
    assert waits == [1, 2]
    server.codes = [404]
    with pytest.raises(PairFault, match=r"other\.bin: the download failed: HTTP 404"):
        download(server.url.replace("weights-file", "other"), "0" * 64)
    assert waits == [1, 2]


def test_attempts_end(server, waits):
    server.codes = [500] * 9
    with pytest.raises(PairFault, match="HTTP 500"):
        download(server.url, "0" * 64)
    assert waits == [1, 2, 4, 8]
    assert len(server.asked) == 5


@pytest.mark.parametrize(
    "reason",
    [socket.gaierror(-2, "Name or service not known"), OSError(errno.ENETUNREACH, "no route")],
)
def test_without_a_network_it_ends_at_once_and_may_pass(monkeypatch, waits, reason):
    def fail(*given, **options):
        raise URLError(reason)

    monkeypatch.setattr(downloads, "open_url", fail)
    with pytest.raises(PassingFault, match="the download failed"):
        download("https://example.org/weights.bin", "0" * 64)
    assert waits == [1]


def test_a_full_disk_is_no_fault_of_the_file(server, monkeypatch):
    def fail(*given, **options):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(downloads, "open_url", fail)
    with pytest.raises(OSError, match="No space left"):
        download(server.url, "0" * 64)


def test_an_absent_server_is_a_fault_with_its_reason():
    with serve() as server:
        url = server.url
    with pytest.raises(PassingFault, match=r"the download failed: .*refused"):
        download(url, "0" * 64)


def test_jobs_that_want_one_file_share_one_download(server):
    digest = digest_of(server.content)
    with ThreadPoolExecutor(4) as pool:
        paths = set(pool.map(lambda _: download(server.url, digest), range(4)))
    assert len(paths) == 1
    assert server.asked == [None]


def test_files_of_this_machine_stay_where_they_are(tmp_path):
    path = tmp_path / "some weights.bin"
    path.write_bytes(b"abc")
    assert download(path.as_uri(), digest_of(b"abc")) == path
    with pytest.raises(PairFault, match="SHA-256"):
        download(path.as_uri(), "0" * 64)
    with pytest.raises(PairFault, match="no such file"):
        download((tmp_path / "absent").as_uri())


def test_torchs_own_cache_is_used_when_the_hash_is_right(tmp_path):
    shared = tmp_path / "torch/hub/checkpoints/net-12345678.pth"
    shared.parent.mkdir(parents=True)
    shared.write_bytes(b"weights")
    assert download("https://127.0.0.1:1/net-12345678.pth", digest_of(b"weights")[:8]) == shared


@pytest.mark.parametrize("url", ["http://127.0.0.1/a.bin", "ftp://127.0.0.1/a.bin"])
def test_addresses_that_nobody_can_trust_are_refused(url):
    with pytest.raises(PairFault, match=r"give its SHA-256|expected an https://"):
        download(url)


@pytest.mark.parametrize(
    ("url", "digest"),
    [
        ("https://a.org/resnet50-0676ba61.pth", "0676ba61"),
        ("https://a.org/mnasnet0.5_top1_67.823-3ffadce67e.pth", "3ffadce67e"),
        ("https://a.org/model-20240131.pth", None),
        ("https://a.org/relative-loc_in1k_20220225-84784688.pth", "84784688"),
        ("https://a.org/moco_v2_800ep_pretrain.pth.tar", None),
        ("https://a.org/resnet50-baseline.pth", None),
    ],
)
def test_the_hash_in_a_name(url, digest):
    assert digest_in_name(url) == digest


def test_retrying_stops_at_once_at_an_error_that_stays(waits):
    calls = []

    def fail():
        calls.append(1)
        raise URLError("no")

    with pytest.raises(URLError):
        retry(fail, lambda error: False)
    assert (len(calls), waits) == (1, [])


def test_the_cache_is_where_the_environment_says(tmp_path, monkeypatch):
    assert downloads.cache_folder() == tmp_path / "cache"
    monkeypatch.delenv("CKPTRANK_CACHE")
    assert downloads.cache_folder() == downloads.Path(os.path.expanduser("~/.cache/ckptrank"))
