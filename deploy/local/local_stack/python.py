"""uv, and the checkout's virtual environment exactly as `requirements.lock` says."""

import fcntl
import hashlib
import importlib.util
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path

from local_stack.places import HERE, MEMBERS, PYTHON, ROOT, UV
from local_stack.steps import Trouble, folder, run, step

LOCK = ROOT / "requirements.lock"
STAMP = ROOT / ".venv" / ".switchboard"
NO_PIP = "Python has no pip to install uv with: install it (Debian: apt-get install python3-pip)"
NO_UV = "pip cannot install uv: check the network and try again"
NO_PACKAGES = "the Python packages cannot be installed: check the network and try again"


def install_uv() -> None:
    """The pinned uv into the checkout. Raises Trouble."""
    version = (HERE / "uv.txt").read_text().split()[0].removeprefix("uv==")
    home = UV.parents[1]
    if home.exists() and not (home / f"uv-{version}.dist-info").exists():
        shutil.rmtree(home)
    folder(f"uv {version}", home, _install_uv)


def install_python() -> None:
    """uv and the virtual environment. Raises Trouble."""
    if not LOCK.exists():
        raise Trouble("requirements.lock is missing: get it back with `git checkout requirements.lock`")
    members = [ROOT / member / "pyproject.toml" for member in MEMBERS]
    if missing := [str(member.relative_to(ROOT)) for member in members if not member.exists()]:
        raise Trouble(f"{', '.join(missing)} missing: get it back with `git checkout`")
    with _alone():
        install_uv()
        wanted = fingerprint(LOCK, *members)

        def install() -> None:
            STAMP.unlink(missing_ok=True)
            _install_packages()
            STAMP.write_text(wanted)

        step("python packages", PYTHON.exists() and STAMP.exists() and STAMP.read_text() == wanted, install)


def fingerprint(*files: Path) -> str:
    """A name for exactly this content."""
    return hashlib.sha256(b"".join(file.read_bytes() for file in files)).hexdigest()


@contextmanager
def _alone() -> Generator[None]:
    """One install into this checkout at a time."""
    UV.parents[2].mkdir(exist_ok=True)
    with (UV.parents[2] / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def _install_uv(to: Path) -> None:
    options = ["--quiet", "--disable-pip-version-check", "--root-user-action=ignore", "--only-binary", ":all:"]
    command = ["-m", "pip", "install", *options, "--require-hashes", "--target", str(to), "-r", str(HERE / "uv.txt")]
    with tempfile.TemporaryDirectory() as scratch:
        run([_python_with_pip(Path(scratch)), *command], NO_UV)


def _python_with_pip(scratch: Path) -> Path:
    """This Python if it has pip, else one that the standard library makes: nothing is added to the system."""
    if importlib.util.find_spec("pip"):
        return Path(sys.executable)
    made = subprocess.run([sys.executable, "-m", "venv", scratch], capture_output=True)
    if made.returncode:
        raise Trouble(NO_PIP)
    return scratch / "bin" / "python"


def _install_packages() -> None:
    if not PYTHON.exists():
        run([UV, "venv", "--quiet", "--allow-existing", "--python", sys.executable, ROOT / ".venv"], NO_PACKAGES)
    inside = {"VIRTUAL_ENV": str(ROOT / ".venv")}
    sync = ["pip", "sync", "--quiet", "--require-hashes", "--compile-bytecode", LOCK]
    run([UV, *sync], NO_PACKAGES, ROOT, **inside)
    members = [part for member in MEMBERS for part in ("-e", ROOT / member)]
    run([UV, "pip", "install", "--quiet", "--no-deps", *members], NO_PACKAGES, ROOT, **inside)
