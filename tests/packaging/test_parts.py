"""Each image's part of the project runs with the files and the dependencies of that image alone."""

import importlib.metadata
import json
import pathlib
import re
import shutil
import subprocess
import sys

import pytest

from images import content

ROOT = pathlib.Path(__file__).parents[2]
STARTED = {
    "operator": ("main", "engine", "kube", "workload", "rollout", "registry", "api"),
    "server": ("puller", "serving"),
    "tracking": ("mlflow_plugin", "registry", "sync", "cli"),
}
"""The modules and folders that each image's programs begin with; the others are there because these import them."""
LOCKS = {"operator": "operator", "server": "serving", "tracking": "tracking"}
OLDER_HERE = {"six"}
"""What python-dateutil needs in its older version, which is here instead (requirements/dev-overrides.txt)."""
IMPORT_ALL = """
import importlib, json, sys
folder, modules, absent = json.loads(sys.argv[1])

class Absent:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in absent:
            raise ModuleNotFoundError(f"{name} is not in this image", name=name)

sys.meta_path.insert(0, Absent())
sys.path.insert(0, folder)
for module in modules:
    importlib.import_module(module)
import podium
assert podium.__path__ == [folder + "/podium"], podium.__path__
print("imported", len(modules))
"""


def locked(target: str) -> set[str]:
    """The distributions in a lock file, by their normalised names."""
    text = (ROOT / f"requirements/{LOCKS[target]}.lock").read_text()
    return {normalised(name) for name in re.findall(r"^([A-Za-z0-9._-]+)==", text, re.MULTILINE)}


def normalised(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


def absent_packages(target: str) -> list[str]:
    """Top-level packages that are installed here and would not be in the image."""
    there = locked(target) | OLDER_HERE
    found = importlib.metadata.packages_distributions().items()
    return [name for name, owners in found if name != "podium" and not there & {normalised(each) for each in owners}]


def modules_of(folder: pathlib.Path, target: str) -> list[str]:
    """The modules below STARTED, as they are named in an import."""
    paths = [
        path
        for part in STARTED[target]
        for path in [folder / f"podium/{part}.py", *folder.glob(f"podium/{part}/**/*.py")]
    ]
    names = [".".join(path.relative_to(folder).with_suffix("").parts) for path in paths if path.exists()]
    return sorted(name.removesuffix(".__init__") for name in names)


@pytest.mark.parametrize("target", content.TARGETS)
def test_an_image_holds_all_that_its_programs_import_and_needs_no_other_images_dependencies(
    target: str, tmp_path: pathlib.Path
) -> None:
    stages = content.stages((ROOT / "Dockerfile").read_text())
    for path in content.sources(ROOT, stages, target):
        if path.is_relative_to(ROOT / "operator"):
            copy = tmp_path / path.relative_to(ROOT / "operator")
            copy.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(path, copy)
    modules = modules_of(tmp_path, target)
    assert len(modules) >= len(STARTED[target])
    absent = absent_packages(target)
    assert "pytest" in absent
    order = json.dumps([str(tmp_path), modules, absent])
    done = subprocess.run([sys.executable, "-c", IMPORT_ALL, order], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert done.stdout.strip().endswith(f"imported {len(modules)}")


@pytest.mark.parametrize("machine", ["x86_64", "aarch64"])
@pytest.mark.parametrize("target", LOCKS)
def test_an_image_can_be_built_for_either_machine(target: str, machine: str, tmp_path: pathlib.Path) -> None:
    """Each dependency of the locks has a wheel, so that nothing is compiled in an emulator."""
    uv = pathlib.Path(sys.executable).with_name("uv")
    platform = ("--python-platform", f"{machine}-manylinux_2_28", "--python-version", "3.11", "--only-binary", ":all:")
    lock = ("--require-hashes", "--no-deps", "-r", str(ROOT / f"requirements/{LOCKS[target]}.lock"))
    command = [uv, "pip", "install", "--dry-run", "--target", tmp_path, *platform, *lock]
    tried = subprocess.run(command, capture_output=True, text=True, check=False)
    assert tried.returncode == 0, tried.stderr
    assert "Would install" in tried.stderr
