"""Archives of images, unpacked where nothing in them can reach outside their folder."""

import copy
import errno
import logging
import shutil
import stat
import tarfile
import tempfile
import zipfile
from pathlib import Path

from ckptrank.errors import PairFault
from ckptrank.files.atomic import locked, sha256_of
from ckptrank.files.caches import cache_folder
from ckptrank.files.downloads import download

logger = logging.getLogger("ckptrank")
SUFFIXES = (".zip", ".npz", ".tar", ".tar.gz", ".tgz", ".tar.bz2", ".tar.xz")
MOST_BYTES = 200 << 30
MOST_FILES = 5_000_000


def locate(path: str, digest: str | None = None) -> Path:
    """Return the local folder or file of a task's ``path``; archives are fetched and unpacked.

    ``path``: a folder, a file, an archive, or the address of one. ``digest``: its SHA-256; without one an
    address is trusted with a warning that states the hash. Raises :class:`PairFault` when there is nothing.
    """
    if "://" not in path:
        local = Path(path).expanduser()
    else:
        local = download(path, digest)
        if digest is None and not path.startswith("file://"):
            logger.warning(
                "%s: no sha256 is given, so the download cannot be verified; this file has %s",
                path,
                sha256_of(local),
            )
    if local.is_file() and local.name.lower().endswith(SUFFIXES):
        return unpack(local)
    if not local.exists():
        raise PairFault(f"{path}: no such file or folder")
    return local


def unpack(archive: Path, most_bytes: int = MOST_BYTES, most_files: int = MOST_FILES) -> Path:
    """Return the folder of the archive's content in the cache, unpacked unless it is there already.

    Raises :class:`PairFault` for entries with absolute paths, with ``..`` or with links that lead
    out, for devices, for more than ``most_bytes`` or ``most_files``, and for broken archives.
    """
    folder = cache_folder() / "unpacked" / sha256_of(archive)[:24]
    with locked(folder.with_suffix(".lock")):
        if not folder.is_dir():
            temporary = Path(tempfile.mkdtemp(dir=folder.parent, prefix=f".{folder.name}."))
            try:
                take = _unpack_zip if zipfile.is_zipfile(archive) else _unpack_tar
                take(archive, temporary, most_bytes, most_files)
                temporary.chmod(0o755)
                temporary.rename(folder)
            except (tarfile.TarError, zipfile.BadZipFile, EOFError, OSError, RuntimeError) as error:
                if getattr(error, "errno", None) in (errno.ENOSPC, errno.EDQUOT):
                    raise
                raise PairFault(f"{archive}: cannot be unpacked: {error}") from error
            finally:
                shutil.rmtree(temporary, ignore_errors=True)
    return folder


def _unpack_tar(archive: Path, folder: Path, most_bytes: int, most_files: int) -> None:
    total = 0
    with tarfile.open(archive) as content:
        for number, member in enumerate(content, start=1):
            total += member.size
            _check_size(archive, number, total, most_bytes, most_files)
            if hasattr(tarfile, "data_filter"):
                content.extract(member, folder, filter="data")
            else:
                _extract_plain(content, member, folder)


def _extract_plain(content: tarfile.TarFile, member: tarfile.TarInfo, folder: Path) -> None:
    """Extract a file or a folder where the library has no filters (Python before 3.11.4); refuse all else."""
    member = copy.copy(member)
    member.name = member.name.lstrip("/")
    if ".." in Path(member.name).parts or not (member.isfile() or member.isdir()):
        raise tarfile.ExtractError(
            f"{member.name!r} is a link, a device or leads out of the folder"
        )
    content.extract(member, folder, set_attrs=False)


def _unpack_zip(archive: Path, folder: Path, most_bytes: int, most_files: int) -> None:
    with zipfile.ZipFile(archive) as content:
        members = content.infolist()
        _check_size(
            archive, len(members), sum(m.file_size for m in members), most_bytes, most_files
        )
        for member in members:
            path = Path(member.filename)
            if path.is_absolute() or ".." in path.parts or "\\" in member.filename:
                raise PairFault(f"{archive}: {member.filename!r} leads out of the archive's folder")
            if stat.S_ISLNK(member.external_attr >> 16):
                raise PairFault(f"{archive}: {member.filename!r} is a link")
            content.extract(member, folder)


def _check_size(archive: Path, files: int, size: int, most_bytes: int, most_files: int) -> None:
    if files > most_files or size > most_bytes:
        raise PairFault(
            f"{archive}: unpacks to more than {most_files} files or {most_bytes >> 20} MiB"
        )
