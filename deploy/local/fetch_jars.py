"""`fetch_jars.py LIST FOLDER`: the jars of LIST, each checked against its sum; run by the toolbox's Python."""

import hashlib
import shutil
import sys
import tempfile
from pathlib import Path

from jgo.maven import MavenContext  # pyright: ignore[reportMissingImports]  of the toolbox


def fetch(listed: Path, folder: Path) -> None:
    """All jars of `listed` into `folder`. Raises ValueError on a wrong sum."""
    with tempfile.TemporaryDirectory() as scratch:
        maven = MavenContext(repo_cache=Path(scratch))
        for line in listed.read_text().splitlines():
            wanted, coordinates = line.split()
            group, artifact, version, *classifier = coordinates.split(":")
            found = maven.project(group, artifact).at_version(version).artifact("".join(classifier), "jar").resolve()
            with found.open("rb") as jar:
                if hashlib.file_digest(jar, "sha256").hexdigest() != wanted:
                    raise ValueError(f"{coordinates} is not the file that was pinned")
            shutil.move(found, folder / found.name)


if __name__ == "__main__":
    fetch(Path(sys.argv[1]), Path(sys.argv[2]))
