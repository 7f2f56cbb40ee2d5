"""What goes into an image, read from the Dockerfile itself, and the name that follows from it.

A target's content is what the stages that lead to it COPY from the checkout. So a change of the operator's code gives
the operator another image and leaves the server's alone, without a second list of files that could be wrong.
"""

from __future__ import annotations

import hashlib
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

TARGETS = ("operator", "server", "tracking")


class Stage(NamedTuple):
    """One stage of a Dockerfile: the stages that it is made from, and the paths that it copies from the checkout."""

    needs: tuple[str, ...]
    copies: tuple[str, ...]


def snapshot(root: Path, folder: Path) -> None:
    """Copy all that images are made from, so that an edit during a long build changes no image behind its name."""
    known = stages((root / "Dockerfile").read_text())
    for path in {*_always(root), *(file for target in TARGETS for file in sources(root, known, target))}:
        copy = folder / path.relative_to(root)
        copy.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy2(path, copy)


def image_names(root: Path) -> dict[str, str]:
    """The image of each target, for example `localhost/podium/server:4f0c9d21a7e3`."""
    dockerfile = (root / "Dockerfile").read_text()
    known = stages(dockerfile)
    return {target: f"localhost/podium/{target}:{_content_hash(root, known, target)}" for target in TARGETS}


def stages(dockerfile: str) -> dict[str, Stage]:
    """The stages of a Dockerfile by their names, in its order."""
    found: dict[str, Stage] = {}
    name = ""
    for keyword, *words in _instructions(dockerfile):
        if keyword == "FROM":
            base, name = words[0], words[-1]
            found[name] = Stage((base,), ())
        elif keyword == "COPY" and words[0].startswith("--from="):
            found[name] = Stage((*found[name].needs, words[0].removeprefix("--from=")), found[name].copies)
        elif keyword == "COPY":
            found[name] = Stage(found[name].needs, (*found[name].copies, *words[:-1]))
    return found


def sources(root: Path, known: dict[str, Stage], target: str) -> set[Path]:
    """Every file of the checkout that a target's image is made from."""
    if target not in known:  # an image that is not made here
        return set()
    stage = known[target]
    own = {file for path in stage.copies for file in _files(root / path)}
    return own.union(*(sources(root, known, needed) for needed in stage.needs))


def _content_hash(root: Path, known: dict[str, Stage], target: str) -> str:
    content = hashlib.sha256()
    for path in [*_always(root), *sorted(sources(root, known, target))]:
        content.update(f"{path.relative_to(root)} {hashlib.sha256(path.read_bytes()).hexdigest()}\n".encode())
    return content.hexdigest()[:12]


def _always(root: Path) -> list[Path]:
    return [root / "Dockerfile", root / ".dockerignore"]


def _instructions(dockerfile: str) -> Iterator[list[str]]:
    lines = [line for line in dockerfile.splitlines() if line.strip() and not line.lstrip().startswith("#")]
    for instruction in "\n".join(lines).replace("\\\n", " ").splitlines():
        yield instruction.split()


def _files(path: Path) -> Iterator[Path]:
    if path.is_file():
        yield path
    yield from (file for file in path.rglob("*") if file.is_file() and "__pycache__" not in file.parts)
