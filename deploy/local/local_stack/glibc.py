"""A C library that is new enough for MongoDB's engine, without installing it."""

import platform
import shutil
from collections.abc import Iterator
from pathlib import Path

from local_stack.places import cache
from local_stack.steps import Trouble, folder, run

NEEDED = (2, 38)
SUITE = "trixie"
KEYRING = "/usr/share/keyrings/debian-archive-keyring.gpg"
TOO_OLD = f"this system's C library is older than {NEEDED[0]}.{NEEDED[1]}, which MongoDB's engine needs"


def loader() -> list[str]:
    """What to put before a command so that it runs with a new enough C library: nothing where the system's is one.

    Raises Trouble.
    """
    library, version = platform.libc_ver()
    if library != "glibc" or tuple(int(part) for part in version.split(".")[:2]) >= NEEDED:
        return []
    root = folder(f"libc6 of debian {SUITE}", cache() / f"libc6-{SUITE}-{platform.machine()}", _unpack)
    libraries = next(iter(root.glob("usr/lib/*-linux-gnu")))
    system = f"/lib/{libraries.name}:/usr/lib/{libraries.name}"
    return [str(next(iter(libraries.glob("ld-linux*.so.*")))), "--library-path", f"{libraries}:{system}"]


def _unpack(to: Path) -> None:
    """Take the package from the mirror that the system itself uses, with lists and a cache of our own."""
    apt = to / "apt"
    (apt / "lists" / "partial").mkdir(parents=True)
    (apt / "cache" / "archives" / "partial").mkdir(parents=True)
    (apt / "sources.list").write_text(f"deb [signed-by={KEYRING}] {_mirror()} {SUITE} main\n")
    options = [
        "-qq",
        f"-oDir::Etc::sourcelist={apt}/sources.list",
        "-oDir::Etc::sourceparts=/dev/null",
        f"-oDir::State::Lists={apt}/lists",
        f"-oDir::Cache={apt}/cache",
        "-oAcquire::Languages=none",
        "-oAPT::Sandbox::User=root",
    ]
    hint = f"{TOO_OLD}, and apt-get cannot fetch a newer one"
    run(["apt-get", *options, "update"], hint, apt)
    run(["apt-get", *options, "download", "libc6"], hint, apt)
    run(["dpkg", "-x", next(iter(apt.glob("libc6_*.deb"))), to], hint)
    shutil.rmtree(apt)


def _mirror() -> str:
    """Debian's address in the system's own sources. Raises Trouble when it has none."""
    for line in _sources():
        for word in line.removeprefix("URIs:").split():
            if word.startswith("http") and word.rstrip("/").endswith("/debian"):
                return word
    raise Trouble(f"{TOO_OLD}, and no Debian mirror is configured: use a newer system")


def _sources() -> Iterator[str]:
    more = Path("/etc/apt/sources.list.d")
    for file in (*sorted(more.glob("*.sources")), *sorted(more.glob("*.list")), Path("/etc/apt/sources.list")):
        if file.exists():
            yield from (line for line in file.read_text().splitlines() if not line.lstrip().startswith("#"))
