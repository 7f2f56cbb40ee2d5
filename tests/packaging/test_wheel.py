"""The wheel: what is in it, and what it declares."""

import configparser
import email
import pathlib
import subprocess
import sys
import zipfile

import pytest

ROOT = pathlib.Path(__file__).parents[2]


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> zipfile.ZipFile:
    folder = tmp_path_factory.mktemp("wheel")
    build = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(folder)]
    subprocess.run(build, cwd=ROOT, check=True, capture_output=True)
    [path] = folder.glob("*.whl")
    return zipfile.ZipFile(path)


def metadata(wheel: zipfile.ZipFile, name: str) -> str:
    [path] = [each for each in wheel.namelist() if each.endswith(f".dist-info/{name}")]
    return wheel.read(path).decode()


def test_the_wheel_holds_the_package_and_nothing_else(wheel: zipfile.ZipFile) -> None:
    code = {name for name in wheel.namelist() if ".dist-info/" not in name}
    source = {str(path.relative_to(ROOT / "operator")) for path in (ROOT / "operator/podium").rglob("*.py")}
    assert code == source


def test_the_folder_operator_is_no_package_because_it_would_hide_the_standard_librarys() -> None:
    assert not (ROOT / "operator/__init__.py").exists()


def test_mlflow_finds_the_registry_store_and_the_shell_the_operator_and_the_command(wheel: zipfile.ZipFile) -> None:
    entry_points = configparser.ConfigParser()
    entry_points.read_string(metadata(wheel, "entry_points.txt"))
    assert dict(entry_points["console_scripts"]) == {
        "podium": "podium.cli.main:main",
        "podium-operator": "podium.main:main",
    }
    assert dict(entry_points["mlflow.model_registry_store"]) == {
        "configmap": "podium.mlflow_plugin.store:ConfigMapModelRegistryStore"
    }
    assert dict(entry_points["mlflow.artifact_repository"]) == {
        "s3-proxied": "podium.mlflow_plugin.artifacts:ProxiedS3ArtifactRepository"
    }
    assert dict(entry_points["mlflow.deployments"]) == {"podium": "podium.mlflow_plugin.deployments"}


def test_each_part_has_its_own_extra_and_the_package_alone_needs_pydantic_only(wheel: zipfile.ZipFile) -> None:
    declared = email.message_from_string(metadata(wheel, "METADATA"))
    assert set(declared.get_all("Provides-Extra", [])) == {"operator", "mlflow", "cli", "tracking", "serving"}
    always = [each for each in declared.get_all("Requires-Dist", []) if "extra ==" not in each]
    assert [each[: len("pydantic")] for each in always] == ["pydantic"]
