"""`fetch_jars.py LIST FOLDER`: the jars of LIST, each checked against its sum; run by the toolbox's Python."""

import hashlib
import sys
import tempfile
from pathlib import Path

from jgo.maven import MavenContext  # pyright: ignore[reportMissingImports]  of the toolbox


def fetch(listed: Path, folder: Path) -> None:
    """Kafka's jars into `folder`/kafka, the trace page's as `folder`/zipkin.jar. Raises ValueError on a wrong sum."""
    (folder / "kafka").mkdir()
    with tempfile.TemporaryDirectory() as scratch:
        maven = MavenContext(repo_cache=Path(scratch))
        for line in listed.read_text().splitlines():
            if line.startswith("#"):
                continue
            wanted, coordinates = line.split()
            group, artifact, version, *classifier = coordinates.split(":")
            found = maven.project(group, artifact).at_version(version).artifact("".join(classifier), "jar").resolve()
            content = found.read_bytes()
            if hashlib.sha256(content).hexdigest() != wanted:
                raise ValueError(f"{coordinates} is not the file that was pinned")
            target = folder / "zipkin.jar" if artifact == "zipkin-server" else folder / "kafka" / found.name
            target.write_bytes(content)


if __name__ == "__main__":
    fetch(Path(sys.argv[1]), Path(sys.argv[2]))
