"""A C library that is new enough for MongoDB's engine, without installing it."""

import platform
from pathlib import Path

from local_stack.places import cache
from local_stack.steps import Trouble, folder, run

NEEDED = (2, 38)
SUITE = "trixie"
KEYRING = "/usr/share/keyrings/debian-archive-keyring.gpg"


def loader() -> list[str]:
    """What to put before a command so that it runs with a new enough C library: nothing where the system's is one."""
    library, version = platform.libc_ver()
    if library != "glibc" or tuple(int(part) for part in version.split(".")[:2]) >= NEEDED:
        return []
    root = folder(f"libc6 of Debian {SUITE}", cache() / f"libc6-{SUITE}-{platform.machine()}", _unpack)
    libraries = next(iter(root.glob("usr/lib/*-linux-gnu")))
    system = f"/lib/{libraries.name}:/usr/lib/{libraries.name}"
    return [str(next(iter(libraries.glob("ld-linux*.so.*")))), "--library-path", f"{libraries}:{system}"]


def _unpack(to: Path) -> None:
    """Take the package from the mirror that the system itself uses, with lists of our own: nothing is installed."""
    (to / "lists" / "partial").mkdir(parents=True)
    (to / "sources.list").write_text(f"deb [signed-by={KEYRING}] {_mirror()} {SUITE} main\n")
    options = [
        "-qq",
        f"-oDir::Etc::sourcelist={to}/sources.list",
        "-oDir::Etc::sourceparts=/dev/null",
        f"-oDir::State::Lists={to}/lists",
        "-oAPT::Sandbox::User=root",
    ]
    hint = f"this system's C library is older than {NEEDED[0]}.{NEEDED[1]} and apt-get cannot fetch a newer one"
    run(["apt-get", *options, "update"], hint, to)
    run(["apt-get", *options, "download", "libc6"], hint, to)
    run(["dpkg", "-x", next(iter(to.glob("libc6_*.deb"))), to], hint, to)


def _mirror() -> str:
    for file in [*Path("/etc/apt/sources.list.d").glob("*.sources"), Path("/etc/apt/sources.list")]:
        for line in file.read_text().splitlines() if file.exists() else ():
            words = line.replace("URIs:", "").split()
            addresses = [word for word in words if word.startswith("http") and word.rstrip("/").endswith("/debian")]
            if addresses and not line.lstrip().startswith("#"):
                return addresses[0]
    raise Trouble("this system's C library is too old for MongoDB's engine and no Debian mirror is configured")
