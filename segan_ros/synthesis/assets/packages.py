"""Where the meshes come from: fetches packages without root, and reads files inside them."""

from __future__ import annotations

import posixpath
import shutil
import subprocess
import sys
import tempfile
import zipfile
import zlib
from collections.abc import Callable
from functools import partial
from pathlib import Path

from segan_ros.synthesis.assets.wavefront import ReadFile

INSTALLED = Path("/usr/share/sweethome3d/furniture")
"""Where Debian's package puts its files when it is installed."""

ROBOSUITE = "robosuite==1.5.2"

TEXTURES = "robosuite/models/assets/textures/"

_WANTED = ("robosuite/models/assets/objects/", TEXTURES)


def fetch(name: str, cache: Path) -> Path:
    """The folder of a package, fetched into `cache` unless it is there or installed.

    A .deb or .whl of it in ``cache/downloads`` is used instead of the network.

    Args:
        name: a key of `PACKAGES`.
        cache: where assets are kept.

    Raises:
        OSError: it cannot be had; says what to do.
    """
    folder = cache / "packages" / name
    if folder.is_dir():
        return folder
    if name == "sweethome3d-furniture" and any(INSTALLED.glob("*.sh3f")):
        return INSTALLED
    folder.parent.mkdir(parents=True, exist_ok=True)
    # On the same disk, and away when anything goes wrong: no half package is ever there.
    with tempfile.TemporaryDirectory(dir=folder.parent, prefix=".fetch-") as temporary:
        work = Path(temporary)
        pattern, download, unpack = PACKAGES[name]
        held = sorted((cache / "downloads").glob(pattern))
        archive = held[-1] if held else download(work)
        (work / "unpacked").mkdir()
        unpack(archive, work / "unpacked")
        (work / "unpacked").rename(folder)
    return folder


def reader(folder: Path, item: str) -> tuple[ReadFile, str]:
    """How to read the files next to `item` of a package, and its path for that.

    Args:
        folder: of the package.
        item: a path below `folder`; the first part may be an archive: ``Scopia.sh3f/cup/cup.obj``.
    """
    archive, _, inside = item.partition("/")
    if archive.endswith(".sh3f"):
        return partial(_read_member, folder / archive), inside
    return lambda path: (folder / posixpath.normpath(path)).read_bytes(), item


def _read_member(archive: Path, path: str) -> bytes:
    try:
        with zipfile.ZipFile(archive) as held:
            return held.read(posixpath.normpath(path))
    except KeyError:
        raise FileNotFoundError(2, "not in this package", f"{archive}/{path}") from None
    except (zipfile.BadZipFile, zlib.error) as error:
        raise ValueError(f"{archive}: damaged ({error}); delete its folder") from None


def _download_furniture(work: Path) -> Path:
    """By apt, with lists of its own where those of the system are empty."""
    private = []
    for key in ("State::Lists", "Cache"):
        (work / key / "partial").mkdir(parents=True)
        private += ["-o", f"Dir::{key}={work / key}"]
    get = ["download", "sweethome3d-furniture"]
    try:
        _run(["apt-get", *get], work)
    except OSError:
        try:
            _run(["apt-get", *private, "update"], work)
            _run(["apt-get", *private, *get], work)
        except OSError as error:
            raise _missing("sweethome3d-furniture", "its .deb", error) from None
    return next(work.glob("*.deb"))


def _download_robosuite(work: Path) -> Path:
    try:
        _run(
            [
                sys.executable,
                "-m",
                "pip",
                "download",
                "--no-deps",
                "--only-binary=:all:",
                ROBOSUITE,
            ],
            work,
        )
    except OSError as error:
        raise _missing("robosuite", "the .whl of " + ROBOSUITE, error) from None
    return next(work.glob("*.whl"))


def _missing(package: str, what: str, error: OSError) -> OSError:
    return OSError(
        f"cannot fetch {package}: {error}; without network access, put {what} into CACHE/downloads"
    )


def _unpack_deb(archive: Path, folder: Path) -> None:
    with tempfile.TemporaryDirectory(dir=folder.parent) as temporary:
        _run(["dpkg-deb", "-x", str(archive), temporary], folder)
        for path in Path(temporary).glob("usr/share/sweethome3d/furniture/*.sh3f"):
            shutil.move(path, folder / path.name)
    if not any(folder.iterdir()):
        raise OSError(f"{archive}: holds no furniture")


def _unpack_wheel(archive: Path, folder: Path) -> None:
    try:
        with zipfile.ZipFile(archive) as held:
            held.extractall(folder, [n for n in held.namelist() if n.startswith(_WANTED)])
    except zipfile.BadZipFile as error:
        raise OSError(f"{archive}: damaged ({error})") from None
    if not any(folder.iterdir()):
        raise OSError(f"{archive}: holds no objects")


def _run(command: list[str], folder: Path) -> None:
    """Raises OSError with the last line that the command said."""
    try:
        subprocess.run(command, cwd=folder, check=True, capture_output=True, text=True)
    except FileNotFoundError:
        raise OSError(f"{command[0]} is not installed") from None
    except subprocess.CalledProcessError as error:
        lines = (error.stderr or error.stdout).strip().splitlines() or ["it failed"]
        raise OSError(f"{Path(command[0]).name}: {lines[-1]}") from None


Download = Callable[[Path], Path]
Unpack = Callable[[Path, Path], None]

PACKAGES: dict[str, tuple[str, Download, Unpack]] = {
    "sweethome3d-furniture": ("sweethome3d-furniture*.deb", _download_furniture, _unpack_deb),
    "robosuite": ("robosuite*.whl", _download_robosuite, _unpack_wheel),
}
"""Name of a package: its file, how to get that, how to unpack it into a folder."""
