"""Which change gives which image another name."""

import pathlib

import pytest

from images import content

ROOT = pathlib.Path(__file__).parents[3]


@pytest.fixture
def checkout(tmp_path: pathlib.Path) -> pathlib.Path:
    """A copy of everything that images are made from."""
    content.snapshot(ROOT, tmp_path)
    return tmp_path


def test_a_snapshot_gives_the_same_names_as_the_checkout(checkout: pathlib.Path) -> None:
    assert content.image_names(checkout) == content.image_names(ROOT)
    assert set(content.image_names(checkout)) == {"operator", "server", "tracking"}


@pytest.mark.parametrize(
    ("path", "renamed"),
    [
        pytest.param("operator/podium/main.py", {"operator"}, id="the operator's own code"),
        pytest.param("operator/podium/serving/server.py", {"operator", "server"}, id="the model server"),
        pytest.param(
            "operator/podium/puller/s3.py", {"operator", "server"}, id="the puller, which is in the server's image"
        ),
        pytest.param("operator/podium/mlflow_plugin/__init__.py", {"operator", "tracking"}, id="the registry's plugin"),
        pytest.param("operator/podium/names.py", {"operator", "server", "tracking"}, id="what all share"),
        pytest.param("requirements/serving.lock", {"server"}, id="the server's dependencies"),
        pytest.param("requirements/build.lock", {"operator", "server", "tracking"}, id="what builds"),
        pytest.param("Dockerfile", {"operator", "server", "tracking"}, id="the Dockerfile"),
    ],
)
def test_a_change_renames_the_images_that_hold_what_changed(
    checkout: pathlib.Path, path: str, renamed: set[str]
) -> None:
    before = content.image_names(checkout)
    with (checkout / path).open("a") as file:
        file.write("\n# changed\n")
    after = content.image_names(checkout)
    assert {target for target in before if before[target] != after[target]} == renamed


def test_compiled_files_rename_nothing(checkout: pathlib.Path) -> None:
    before = content.image_names(checkout)
    (checkout / "operator/podium/__pycache__").mkdir()
    (checkout / "operator/podium/__pycache__/names.cpython-311.pyc").write_bytes(b"x")
    assert content.image_names(checkout) == before


def test_a_stage_knows_what_it_is_made_from() -> None:
    stages = content.stages(
        "ARG BASE=debian\n"
        "FROM ${BASE} AS tools\n"
        "# COPY not this\n"
        "COPY a.lock b.lock \\\n"
        "     /src/\n"
        "FROM tools AS app\n"
        "COPY --from=tools /x /x\n"
        "COPY code /src/code\n"
    )
    assert stages == {
        "tools": content.Stage(("${BASE}",), ("a.lock", "b.lock")),
        "app": content.Stage(("tools", "tools"), ("code",)),
    }
