"""Hosts that are silent: neither refusing nor answering, they cost seconds, and once."""

import os
import socket
import time
import urllib.request
from contextlib import ExitStack
from urllib.error import HTTPError, URLError
from urllib.request import Request

import pytest
from tests.support.loopback import serve

from ckptrank.errors import PassingFault
from ckptrank.files import connections, downloads
from ckptrank.files.caches import cache_folder
from ckptrank.files.connections import NoAnswer, is_online, open_url
from ckptrank.files.downloads import download, fetch_by
from ckptrank.tasks.torchvision import load

SHORT, LONG = 0.2, 30.0


@pytest.fixture(autouse=True)
def limits(tmp_path, monkeypatch):
    """A cache of its own, limits of a fifth of a second, and no waits between attempts."""
    monkeypatch.setenv("CKPTRANK_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("TORCH_HOME", str(tmp_path / "torch"))
    for name in ("http_proxy", "HTTP_PROXY", "HF_HUB_OFFLINE", "HF_ENDPOINT"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr(connections, "CONNECT", SHORT)
    monkeypatch.setattr(connections, "ANSWER", SHORT)
    monkeypatch.setattr(downloads.time, "sleep", lambda seconds: pytest.fail("waited"))


@pytest.fixture
def mute():
    """A server that takes connections and never says a word."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        listener.setblocking(False)
        yield listener


@pytest.fixture
def dropping():
    """The address of a host that drops attempts to connect: the only place of its queue is taken."""
    with ExitStack() as stack:
        listener = stack.enter_context(socket.create_server(("127.0.0.1", 0), backlog=0))
        address = listener.getsockname()
        stack.enter_context(socket.create_connection(address))
        yield address


def url_of(address, name="a.bin"):
    return f"http://{address[0]}:{address[1]}/{name}"


def count_connections(listener):
    count = 0
    while True:
        try:
            listener.accept()[0].close()
        except BlockingIOError:
            return count
        count += 1


def test_a_silent_host_is_asked_once_for_all_its_files(mute):
    for name, words in (("a.bin", "is silent: it neither"), ("b.bin", "was silent 0 s ago")):
        with pytest.raises(PassingFault, match=rf"{name}: the download failed: .*{words}"):
            download(url_of(mute.getsockname(), name), "0" * 64)
    assert not is_online(url_of(mute.getsockname()))
    assert count_connections(mute) == 2, "to knock, and to ask"


def test_it_is_asked_again_after_a_while(mute):
    address = mute.getsockname()
    assert not is_online(url_of(address))
    (note,) = (cache_folder() / "silent").iterdir()
    before = time.time() - connections.REMEMBERED - 1
    os.utime(note, (before, before))
    assert not is_online(url_of(address))
    assert count_connections(mute) == 4


def test_other_hosts_are_asked_as_ever(mute):
    assert not is_online(url_of(mute.getsockname()))
    with serve() as server:
        assert is_online(server.url)
        assert open_url(Request(server.url)).read() == server.content


def test_a_connection_that_is_dropped_is_given_up(dropping):
    with pytest.raises(NoAnswer, match="neither answers nor refuses"):
        open_url(Request(url_of(dropping)), timeout=LONG)


def test_a_proxy_is_asked_for_a_host_that_is_out_of_reach(dropping, monkeypatch):
    with serve() as server:
        monkeypatch.setenv("http_proxy", server.url.rpartition("/")[0])
        monkeypatch.setenv("no_proxy", "")
        monkeypatch.setattr(
            urllib.request, "_opener", None
        )  # knows the proxies of the first request
        assert open_url(Request(url_of(dropping))).read() == server.content


def test_what_torchvision_fetches_waits_no_longer(mute, tmp_path, monkeypatch):
    monkeypatch.setattr("torchvision.datasets.CIFAR10.url", url_of(mute.getsockname()))
    with pytest.raises(
        PassingFault, match=f"torchvision CIFAR10 .*failed: no answer for {SHORT} s"
    ):
        load({"name": "CIFAR10", "root": tmp_path, "download": True})
    assert count_connections(mute) == 1
    assert socket.getdefaulttimeout() is None


def test_an_error_that_does_not_pass_stays_what_it_is():
    for error in (HTTPError("http://a", 404, "gone", {}, None), RuntimeError("wrong MD5")):
        with pytest.raises(type(error)):
            fetch_by(lambda error=error: raise_(error), "a")


def raise_(error):
    raise error


def test_what_is_refused_is_not_silent(mute):
    with serve() as server:
        url = server.url
    with pytest.raises(URLError, match="refused"):
        open_url(Request(url))
    assert not (cache_folder() / "silent").exists()
