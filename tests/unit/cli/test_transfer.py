"""`podium registry export`, `restore` and `import`: what goes out comes in, whatever interrupts it, and no more."""

import dataclasses
import functools
import pathlib
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from podium import errors
from podium.cli import transfer
from podium.registry.images import convergence, jsonlines
from podium.registry.model import entities
from podium.registry.storage import backend, keys, memory, mirror_mark
from tests.support import effort
from tests.unit.cli.memoryregistries import ANN, Memory, OtherServer
from tests.unit.registry import factories
from tests.unit.registry.images import images

URI = "http://mlflow.example"
SETS = st.lists(images.images(), max_size=2, unique_by=lambda each: each.name)
WRITES_OF_A_RESTORE = 22


@functools.cache
def churn() -> list[backend.Record]:
    """A model with an archived past."""
    place = Memory()
    registry = place.registry
    registry.models.create("churn")
    for number in (1, 2, 3):
        registry.versions.create("churn", source=f"s3://models/churn/{number}")
    for move in range(80):
        registry.aliases.set("churn", "champion", 1 + move % 3, factories.JOE, why="because " * 40)
    registry.versions.delete("churn", 1)
    assert registry.models.fresh("churn").archives
    return place.records.list({})


@pytest.fixture
def file(iris: Memory, tmp_path: pathlib.Path) -> pathlib.Path:
    """An export of iris and of a model with an archived past."""
    for record in churn():
        iris.records.create(record)
    path = tmp_path / "export.jsonl"
    iris.run("registry", "export", str(path))
    return path


@pytest.fixture
def empty() -> Memory:
    """Another registry, with nothing in it."""
    return Memory()


def body(place: Memory) -> list[str]:
    """What an export of the registry holds, less its date."""
    return place.run("registry", "export", "-").stdout.split("\n")[1:]


def actions(found: list[dict[str, Any]]) -> dict[str, str]:
    return {step["model"]: step["action"] for step in found}


def test_a_restored_registry_exports_the_same_bytes(iris: Memory, file: pathlib.Path, empty: Memory) -> None:
    assert actions(empty.json("registry", "restore", str(file))) == {"churn": "create", "iris": "create"}
    assert body(empty) == file.read_text().split("\n")[1:] == body(iris)
    assert empty.registry.aliases.history("churn") == iris.registry.aliases.history("churn")
    assert actions(empty.json("registry", "restore", str(file))) == {"churn": "none", "iris": "none"}


@settings(
    max_examples=effort.examples(25),
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
)
@given(SETS)
def test_any_registry_comes_back_to_the_byte(found: list[convergence.ModelImage]) -> None:
    first, second = Memory(), Memory()
    for image in found:
        first.registry.images.converge(image, actor=factories.JOE, reason="restored")
    written = first.run("registry", "export", "-").stdout_bytes
    second.run("registry", "restore", "-", given=written)
    assert body(second) == body(first)


def test_people_see_what_is_brought_and_what_is_counted(file: pathlib.Path, empty: Memory) -> None:
    result = empty.run("registry", "restore", str(file))
    assert result.stdout.splitlines() == [
        "MODEL  ACTION  VERSIONS                     ALIAS MOVES",
        "churn  create  3 new, 0 changed, 0 deleted  80",
        "iris   create  2 new, 0 changed, 0 deleted  4",
    ]
    assert result.stderr == "2 models: create 2; 0 already equal\n"
    again = empty.run("registry", "restore", str(file))
    assert (again.stdout, again.stderr) == ("", "2 models: nothing to do; 2 already equal\n")


def test_an_export_tells_what_it_holds(iris: Memory, tmp_path: pathlib.Path) -> None:
    result = iris.run("registry", "export", str(tmp_path / "file"))
    assert (result.stdout, result.stderr) == ("", "exported 1 model, 2 versions, 4 alias moves from namespace models\n")


def test_a_dry_run_shows_the_same_and_writes_nothing(file: pathlib.Path, empty: Memory) -> None:
    planned = empty.json("registry", "restore", str(file), "--dry-run")
    assert empty.registry.models.list() == []
    assert actions(planned) == {"churn": "create", "iris": "create"}
    done = empty.json("registry", "restore", str(file))
    assert [step["versionsCreated"] for step in planned] == [step["versionsCreated"] for step in done] == [3, 2]


def test_one_model_is_restored_alone(file: pathlib.Path, empty: Memory) -> None:
    empty.run("registry", "restore", str(file), "--only", "iris")
    assert [head.name for head in empty.registry.models.list()] == ["iris"]
    result = empty.run("registry", "restore", str(file), "--only", "chrun", code=1)
    assert result.stderr == f"Error: no model 'chrun' in {file}; did you mean 'churn'?\n"


def test_a_model_that_is_there_and_differs_stops_all_until_it_may_be_overwritten(
    iris: Memory, file: pathlib.Path
) -> None:
    before = file.read_text().split("\n")[1:]
    iris.registry.versions.set_tag("iris", 1, "changed", "since")
    iris.registry.models.delete("churn")
    result = iris.run("registry", "restore", str(file), code=1)
    assert "iris   refuse  0 new, 1 changed, 0 deleted  0\n    a model of this name exists and differs" in result.stdout
    assert "nothing was written" in result.stderr
    assert [head.name for head in iris.registry.models.list()] == ["iris"]
    done = iris.json("registry", "restore", str(file), "--overwrite")
    assert actions(done) == {"churn": "create", "iris": "overwrite"}
    assert body(iris) == before


def test_a_model_with_newer_versions_is_refused_even_so(iris: Memory, file: pathlib.Path) -> None:
    iris.registry.versions.create("iris", source="s3://models/iris/3")
    result = iris.run("registry", "restore", str(file), "--overwrite", code=1)
    assert "'iris' has got version 3 since the export" in result.stdout
    assert iris.registry.models.fresh("iris").last_version == 3


def test_what_a_modelalias_holds_is_kept_and_told(iris: Memory, file: pathlib.Path) -> None:
    registry, uid = iris.registry, iris.registry.models.fresh("iris").uid
    registry.serving.pin(uid, "champion", 1, entities.Pin("u", "shop", "iris"))
    result = iris.run("registry", "restore", str(file), "--overwrite", code=1)
    assert "shop/iris" in result.stdout
    assert "what ModelAliases use was kept" in result.stderr
    assert registry.models.fresh("iris").aliases["champion"] == 1


def test_a_mirrored_registry_takes_no_models(file: pathlib.Path, empty: Memory) -> None:
    empty.records.create(mirror_mark.mark("http://truth:5000"))
    result = empty.run("registry", "restore", str(file), code=1)
    assert "is a mirror of the MLflow server http://truth:5000: bring models there" in result.stderr


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        pytest.param(lambda text: text[:-20], "the line is cut off", id="cut off in its last line"),
        pytest.param(lambda text: text[: text.rindex("{")], "the end is missing", id="without its end"),
        pytest.param(lambda text: text.replace("s3://models/iris/1", "s3://evil"), "the checksum", id="edited"),
        pytest.param(lambda text: "", "the end is missing", id="empty"),
        pytest.param(lambda text: "PK\x03\x04\0\0\n", "line 1: ", id="another kind of file"),
    ],
)
def test_a_damaged_file_is_refused_before_anything_is_written(
    file: pathlib.Path, empty: Memory, change: Any, sentence: str
) -> None:
    file.write_text(change(file.read_text()))
    result = empty.run("registry", "restore", str(file), code=1)
    assert sentence in result.stderr
    assert str(file) in result.stderr
    assert empty.registry.models.list() == []


def test_a_file_that_is_not_there_or_cannot_be_made_is_one_sentence(iris: Memory, tmp_path: pathlib.Path) -> None:
    missing = tmp_path / "missing/file"
    expected = f"Error: {missing}: No such file or directory\n"
    assert iris.run("registry", "restore", str(missing), code=1).stderr == expected
    assert iris.run("registry", "export", str(missing), code=1).stderr.replace(".part", "") == expected


def test_an_export_that_is_interrupted_leaves_the_file_as_it_was(tmp_path: pathlib.Path) -> None:
    def dying() -> Any:
        yield b"half of "
        raise factories.Killed

    path = tmp_path / "file"
    path.write_bytes(b"whole")
    with pytest.raises(factories.Killed):
        transfer.write_whole(path, dying())
    assert path.read_bytes() == b"whole"
    transfer.write_whole(path, [b"new"])
    assert [(each.name, each.read_bytes()) for each in tmp_path.iterdir()] == [("file", b"new")]


def test_a_registry_whose_objects_do_not_parse_is_not_exported_as_if_it_were_whole(iris: Memory) -> None:
    uid = iris.registry.models.fresh("iris").uid
    stored = iris.records.get(keys.version_name(uid, 2))
    assert stored
    iris.records.replace(dataclasses.replace(stored, data={**stored.data, "tags": "["}))
    result = iris.run("registry", "export", "-", code=1)
    assert f"{uid}-2, key 'tags'" in result.stderr
    assert result.stdout == ""
    iris.registry.aliases.delete("iris", "champion")
    rest = iris.run("registry", "export", "-", "--leave-out-damaged").stdout_bytes
    [image] = jsonlines.decode(rest.splitlines(keepends=True))
    assert [version.number for version in image.versions] == [1]


def test_models_that_vanish_or_change_their_name_during_an_export(iris: Memory) -> None:
    registry = iris.registry
    heads = registry.models.list()
    registry.models.rename("iris", "lily")
    opened = iris.open(None, None)
    with pytest.raises(errors.Conflict, match="'iris' was renamed to 'lily' during the export: export again"):
        transfer.read_image(opened, heads[0])
    registry.models.delete("lily")
    assert transfer.read_image(opened, heads[0]) is None


# Interruptions


@pytest.mark.parametrize("is_taken", [False, True], ids=["before", "after"])
@pytest.mark.parametrize("at_write", range(1, WRITES_OF_A_RESTORE + 1))
def test_a_restore_that_dies_at_any_write_is_finished_by_the_same_command(
    iris: Memory, file: pathlib.Path, at_write: int, is_taken: bool
) -> None:
    other = Memory()
    whole = memory.MemoryBackend()
    dying = factories.DyingBackend(whole, at_write, is_taken=is_taken)
    other.records = dying
    with pytest.raises(factories.Killed):
        other.run("registry", "restore", str(file))
    other.records = whole
    for head in other.registry.models.list():  # what the next reader sees is legal
        convergence.check_image(other.registry.images.fresh(head.name))
    done = actions(other.json("registry", "restore", str(file)))
    assert set(done.values()) <= {"create", "finish", "none"}
    assert body(other) == file.read_text().split("\n")[1:]
    assert set(actions(other.json("registry", "restore", str(file))).values()) == {"none"}


def test_every_write_of_that_restore_was_a_place_to_die_at(file: pathlib.Path) -> None:
    counting = factories.DyingBackend(memory.MemoryBackend(), 10**6, is_taken=False)
    other = Memory()
    other.records = counting
    other.run("registry", "restore", str(file))
    assert counting.writes == WRITES_OF_A_RESTORE


def test_a_restore_that_is_refused_half_way_tells_how_far_it_came(file: pathlib.Path, empty: Memory) -> None:
    class Refusing(memory.MemoryBackend):
        def create(self, record: backend.Record) -> backend.Record:
            if "iris" in str(record.data.get("source")):
                raise errors.Forbidden("grant the verb 'create' on resource 'configmaps'")
            return super().create(record)

    empty.records = Refusing()
    assert empty.run("registry", "restore", str(file), code=1).stderr == (
        "1 of 2 models were written: run the same command to go on\n"
        "Error: grant the verb 'create' on resource 'configmaps'\n"
    )


# Imports


@pytest.fixture
def server(empty: Memory) -> OtherServer:
    """An MLflow server with two models, known by its URI."""
    found = [images.image(name=name, history=(), history_total=0) for name in ("iris", "churn")]
    empty.servers[URI] = OtherServer({image.name: image for image in found})
    return empty.servers[URI]


def test_an_import_brings_models_as_they_are_and_records_who_brought_their_aliases(
    empty: Memory, server: OtherServer
) -> None:
    assert actions(empty.json("registry", "import", "--from", URI)) == {"churn": "create", "iris": "create"}
    found = empty.registry.images.fresh("iris")
    assert dataclasses.replace(found, history=(), history_total=0) == server.images["iris"]
    assert [(move.alias, move.to_version, move.reason, move.actor) for move in found.history] == [
        ("champion", 1, "restored", ANN)
    ]
    assert actions(empty.json("registry", "import", "--from", URI)) == {"churn": "none", "iris": "none"}


def test_an_import_shows_first_takes_one_and_overwrites_when_told(empty: Memory, server: OtherServer) -> None:
    empty.run("registry", "import", "--from", URI, "--dry-run")
    assert empty.registry.models.list() == []
    empty.run("registry", "import", "--from", URI, "--only", "iris")
    assert [head.name for head in empty.registry.models.list()] == ["iris"]
    assert "did you mean 'iris'?" in empty.run("registry", "import", "--from", URI, "--only", "irs", code=1).stderr
    server.images["iris"] = dataclasses.replace(server.images["iris"], description="other")
    assert "a model of this name exists and differs" in empty.run("registry", "import", "--from", URI, code=1).stdout
    empty.run("registry", "import", "--from", URI, "--overwrite")
    assert empty.registry.models.fresh("iris").description == "other"


@pytest.mark.parametrize("is_taken", [False, True], ids=["before", "after"])
@pytest.mark.parametrize("at_write", range(1, 9))
def test_an_import_that_dies_at_any_write_is_finished_by_the_same_command(
    empty: Memory, server: OtherServer, at_write: int, is_taken: bool
) -> None:
    whole = memory.MemoryBackend()
    empty.records = factories.DyingBackend(whole, at_write, is_taken=is_taken)
    with pytest.raises(factories.Killed):
        empty.run("registry", "import", "--from", URI)
    empty.records = whole
    empty.run("registry", "import", "--from", URI)
    for name, image in server.images.items():
        assert dataclasses.replace(empty.registry.images.fresh(name), history=(), history_total=0) == image
        assert [move.alias for move in empty.registry.aliases.history(name)] == ["champion"]


def test_a_server_that_fails_half_way_leaves_nothing_behind(empty: Memory, server: OtherServer) -> None:
    class Failing(OtherServer):
        def image(self, name: str) -> convergence.ModelImage:
            if name == "iris":
                raise errors.ServerFailed("TimedOut", f"{self.address}: no answer")
            return super().image(name)

    empty.servers[URI] = Failing(server.images)
    assert empty.run("registry", "import", "--from", URI, code=1).stderr == f"Error: {URI}: no answer\n"
    assert empty.registry.models.list() == []


def test_a_model_that_no_registry_can_hold_is_named(empty: Memory, server: OtherServer) -> None:
    huge = "x" * 3_001
    server.images[huge] = images.image(name=huge, history=(), history_total=0)
    result = empty.run("registry", "import", "--from", URI, code=1)
    assert "has 3001 characters" in result.stderr
    assert empty.registry.models.list() == []
