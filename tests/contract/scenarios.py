"""Calls on a model registry store whose answers are compared: from ordinary use to what a store has to refuse."""

from collections.abc import Sequence
from typing import Any

import pytest
from mlflow.entities import model_registry

Call = tuple[str, tuple[Any, ...]]
"""A method's name and its arguments."""
PROMPT = "mlflow.prompt.is_prompt"


def call(method: str, *arguments: Any) -> Call:
    return method, arguments


def model_tag(key: str, value: str | None = "v") -> Any:
    return model_registry.RegisteredModelTag(key, value)


def version_tag(key: str, value: str | None = "v") -> Any:
    return model_registry.ModelVersionTag(key, value)


IRIS = [call("create_registered_model", "iris")]
TWO = [*IRIS, call("create_model_version", "iris", "s3://b/1"), call("create_model_version", "iris", "s3://b/2", "r2")]
CHAMPION = [*TWO, call("set_registered_model_alias", "iris", "champion", 1)]
SEVERAL = [
    *[call("create_registered_model", name) for name in ("b", "a", "C", "a%b", "axb", "A", "é")],
    call("create_model_version", "b", "s3://b/1", "r1"),
    call("create_model_version", "a", "s3://b/1", "r2"),
    call("create_model_version", "a", "s3://b/2", "r1"),
    call("update_registered_model", "a", "described"),
    call("update_model_version", "b", 1, "described"),
    call("create_registered_model", "prompt", [model_tag(PROMPT, "true")]),
    call("create_model_version", "prompt", "dummy", None, [version_tag(PROMPT, "true")]),
]


def after(setting: Sequence[Call], *calls: Call, id: str) -> Any:
    return pytest.param([*setting, *calls], id=id)


SCENARIOS = [
    after(
        [],
        call("create_registered_model", "iris", [model_tag("a"), model_tag("a", "w"), model_tag("b", "")], "words"),
        call("get_registered_model", "iris"),
        call("create_registered_model", "iris"),
        call("create_registered_model", "other", None, ""),
        call("update_registered_model", "iris", None),
        call("get_registered_model", "iris"),
        call("delete_registered_model", "iris"),
        call("delete_registered_model", "iris"),
        call("get_registered_model", "iris"),
        id="a model's life",
    ),
    *[
        after(
            [],
            call("create_registered_model", name),
            call("get_registered_model", name),
            call("create_model_version", name, "s3://b/1"),
            call("set_registered_model_alias", name, "champion", 1),
            call("get_model_version_by_alias", name, "champion"),
            id=f"a model named {what}",
        )
        for what, name in {
            "with a space": "iris classifier",
            "with spaces around it": " iris ",
            "in Korean": "붓꽃",
            "with a line break": "iris\n",
            "with U+202E": "a\u202eb",
            "with an emoji": "🌸",
            "with quotes": "'\"`",
            "with a backslash": "a\\b",
            "with 257 characters": "a" * 257,
            "with 3,000 characters": "n" * 3000,
            "with a slash": "a/b",
            "with a colon": "a:b",
            "dot": ".",
            "dots": "..",
            "nothing": "",
            "blank": "  ",
        }.items()
    ],
    after(
        [],
        *[call("create_registered_model", name) for name in ("a", "A", "é", "e\u0301")],
        *[
            call("create_model_version", name, f"s3://b/{index}")
            for index, name in enumerate(("a", "A", "é", "e\u0301"))
        ],
        *[call("get_model_version", name, 1) for name in ("a", "A", "é", "e\u0301")],
        id="names that look alike",
    ),
    after(
        TWO,
        call("get_model_version", "iris", 1),
        call("get_model_version", "iris", "2"),
        call("get_registered_model", "iris"),
        call("get_model_version_download_uri", "iris", 1),
        call("update_model_version", "iris", 1, "words"),
        call("update_model_version", "iris", 1, ""),
        call("update_model_version", "iris", 1, None),
        call("get_registered_model", "iris"),
        call("delete_model_version", "iris", 2),
        call("get_model_version", "iris", 2),
        call("delete_model_version", "iris", 2),
        call("get_registered_model", "iris"),
        call("create_model_version", "iris", "s3://b/3"),
        call("get_latest_versions", "iris"),
        id="versions, whose numbers are never used again",
    ),
    after(
        TWO,
        *[call("get_model_version", "iris", version) for version in ("01", " 1 ", 1.9, True, 0, -1, 3, "x", "", None)],
        *[call("delete_model_version", "iris", version) for version in (3, "x")],
        call("update_model_version", "iris", 3, "x"),
        id="numbers of versions as MLflow reads them",
    ),
    after(
        [],
        *IRIS,
        call("create_model_version", "iris", "s3://b/1", "", [version_tag("a"), version_tag("a", "w")], "", ""),
        call("create_model_version", "iris", "s3://b/2", "run", None, "https://run", "words"),
        call("get_model_version", "iris", 1),
        call("get_model_version", "iris", 2),
        call("create_model_version", "other", "s3://b/1"),
        call("create_model_version", "a/b", "s3://b/1"),
        call("create_model_version", "iris", "s3://b/3", None, [version_tag("a b"), version_tag("k/../b")]),
        call("create_model_version", "iris", "s3://b/3", None, [version_tag("a", None)]),
        id="a version's fields",
    ),
    after(
        [*TWO, call("create_registered_model", "copied")],
        call("create_model_version", "copied", "models:/iris/2", "r2"),
        call("get_model_version", "copied", 1),
        call("get_model_version_download_uri", "copied", 1),
        id="a version of a version",
    ),
    after(
        CHAMPION,
        call("get_model_version_by_alias", "iris", "champion"),
        call("set_registered_model_alias", "iris", "champion", "2"),
        call("set_registered_model_alias", "iris", "Champion", 1),
        call("set_registered_model_alias", "iris", "a", 2),
        call("get_model_version", "iris", 2),
        call("get_registered_model", "iris"),
        call("get_latest_versions", "iris", ["None"]),
        call("get_latest_versions", "iris", ["production"]),
        call("get_latest_versions", "iris", ["nonsense"]),
        call("delete_registered_model_alias", "iris", "a"),
        call("delete_registered_model_alias", "iris", "a"),
        call("delete_model_version", "iris", 2),
        call("get_registered_model", "iris"),
        call("get_model_version_by_alias", "iris", "champion"),
        call("get_model_version_by_alias", "iris", "latest"),
        call("get_model_version_by_alias", "iris", "LATEST"),
        id="aliases",
    ),
    after(
        CHAMPION,
        *[
            call("set_registered_model_alias", "iris", alias, 1)
            for alias in ("latest", "Latest", "v1", "V12", "v1x", "1", "-1", "é", "None", "a b", "a/b", "", None)
        ],
        call("set_registered_model_alias", "iris", "a" * 255, 1),
        call("set_registered_model_alias", "iris", "a" * 256, 1),
        call("set_registered_model_alias", "iris", "b", 9),
        call("set_registered_model_alias", "other", "b", 1),
        call("delete_registered_model_alias", "other", "b"),
        call("delete_registered_model_alias", "iris", "a b"),
        call("get_model_version_by_alias", "iris", "nobody"),
        call("get_model_version_by_alias", "iris", ""),
        call("get_registered_model", "iris"),
        id="which aliases there can be",
    ),
    after(
        IRIS,
        call("get_model_version_by_alias", "iris", "latest"),
        call("get_latest_versions", "iris"),
        call("get_latest_versions", "other"),
        id="a model without a version",
    ),
    after(
        TWO,
        call("set_registered_model_tag", "iris", model_tag("a", "1")),
        call("set_registered_model_tag", "iris", model_tag("a", "2")),
        call("set_registered_model_tag", "iris", model_tag("empty", "")),
        call("set_registered_model_tag", "iris", model_tag("none", None)),
        call("set_model_version_tag", "iris", 1, version_tag("a", "1")),
        call("set_model_version_tag", "iris", "1", version_tag("b", "")),
        call("set_model_version_tag", "iris", 1, version_tag("none", None)),
        call("get_registered_model", "iris"),
        call("get_model_version", "iris", 1),
        call("delete_registered_model_tag", "iris", "a"),
        call("delete_registered_model_tag", "iris", "a"),
        call("delete_model_version_tag", "iris", 1, "a"),
        call("delete_model_version_tag", "iris", 1, "a"),
        call("get_registered_model", "iris"),
        call("get_model_version", "iris", 1),
        call("set_registered_model_tag", "other", model_tag("a")),
        call("set_model_version_tag", "iris", 9, version_tag("a")),
        call("delete_model_version_tag", "iris", 9, "a"),
        call("delete_registered_model_tag", "other", "a"),
        id="tags, which change no time",
    ),
    after(
        TWO,
        *[
            each
            for key in ("k/../b", "../k", "/k", "a\tb", "", "k" * 251, None)
            for each in (
                call("set_registered_model_tag", "iris", model_tag(key)),
                call("set_model_version_tag", "iris", 1, version_tag(key)),
            )
        ],
        call("delete_registered_model_tag", "iris", "k/../b"),
        call("delete_model_version_tag", "iris", 1, None),
        call("delete_registered_model_tag", "iris", "k" * 251),
        call("delete_model_version_tag", "iris", 1, "k" * 251),
        call("delete_model_version_tag", "iris", 9, "k" * 251),
        call("set_registered_model_tag", "iris", model_tag("k" * 250, "v" * 5000)),
        call("set_registered_model_tag", "iris", model_tag("a", "v" * 100_001)),
        call("set_model_version_tag", "iris", 1, version_tag("a", "v" * 100_001)),
        call("get_registered_model", "iris"),
        id="which tags there can be",
    ),
    after(
        SEVERAL,
        *[
            call("search_registered_models", text)
            for text in (
                None,
                "",
                "name = 'a'",
                "name = 'nobody'",
                "name = 'a/b'",
                "name LIKE 'a%'",
                "name LIKE 'A%'",
                "name ILIKE 'a%'",
                "name LIKE 'a_b'",
                "name IN ('a', 'b')",
                "name = 'a' AND name LIKE '%'",
                "tags.`mlflow.prompt.is_prompt` = 'true'",
                "tag.`mlflow.prompt.is_prompt` = 'true' AND name = 'a'",
                "tag.`mlflow.prompt.is_prompt` != 'true'",
                "tag.`mlflow.prompt.is_prompt` = 'false'",
                "tag.`mlflow.prompt.is_prompt` != 'false'",
                "name = a",
                "nonsense = 'a'",
                "name = 'a' OR name = 'b'",
                "name IN ()",
            )
        ],
        id="filters of models",
    ),
    after(
        SEVERAL,
        *[
            call("search_registered_models", None, 100, order_by)
            for order_by in (
                [],
                ["name DESC"],
                ["timestamp DESC"],
                ["last_updated_timestamp ASC", "name DESC"],
                ["nonsense"],
                ["name", "name DESC"],
                ["name SIDEWAYS"],
            )
        ],
        id="orders of models",
    ),
    after(
        SEVERAL,
        *[call("search_registered_models", None, count) for count in (0, -1, 1, 3, 7, 1000, 1001)],
        *[call("search_registered_models", None, 3, None, token) for token in ("eyJvZmZzZXQiOiAzfQ==", "garbage", "")],
        *[call("search_model_versions", None, count) for count in (0, -1, 1, 3, 200_000, 200_001)],
        call("search_model_versions", None, 2, None, "eyJvZmZzZXQiOiAyfQ=="),
        id="pages",
    ),
    after(
        SEVERAL,
        *[
            call("search_model_versions", text)
            for text in (
                None,
                "name = 'a'",
                "name = 'nobody'",
                "name LIKE 'A%'",
                "run_id = 'r1'",
                "run_id IN ('r1', 'r2')",
                "source_path = 's3://b/1'",
                "name = 'a' AND run_id = 'r1'",
                "name = 'prompt'",
                "name = 'prompt' AND tag.`mlflow.prompt.is_prompt` = 'true'",
                "run_id = 1",
                "nonsense = 'a'",
            )
        ],
        *[
            call("search_model_versions", None, 100, order_by)
            for order_by in (
                ["name DESC"],
                ["version_number"],
                ["creation_timestamp DESC"],
                ["last_updated_timestamp DESC", "version_number ASC"],
                ["nonsense"],
                ["name", "name"],
            )
        ],
        id="filters and orders of versions",
    ),
    after(
        [*CHAMPION, call("set_registered_model_tag", "iris", model_tag("a")), call("delete_model_version", "iris", 2)],
        call("create_model_version", "iris", "s3://b/3"),
        call("create_registered_model", "taken", [model_tag(PROMPT, "true")]),
        call("rename_registered_model", "iris", "lily"),
        call("get_registered_model", "iris"),
        call("get_registered_model", "lily"),
        call("search_registered_models"),
        call("search_model_versions"),
        call("get_model_version_by_alias", "lily", "champion"),
        call("create_model_version", "lily", "s3://b/4"),
        call("rename_registered_model", "lily", "lily"),
        call("get_model_version", "lily", 1),
        call("rename_registered_model", "lily", "taken"),
        call("rename_registered_model", "lily", "Lily"),
        call("rename_registered_model", "lily", "other"),
        call("rename_registered_model", "nobody", "taken"),
        call("rename_registered_model", "nobody", "nobody"),
        *[call("rename_registered_model", "Lily", name) for name in ("a/b", "..", " ", "", None, "n" * 3000)],
        *[call("rename_registered_model", name, "a") for name in ("a/b", "", None)],
        call("create_registered_model", "iris"),
        call("rename_registered_model", "n" * 3000, "iris"),
        call("delete_registered_model", "iris"),
        call("rename_registered_model", "n" * 3000, "iris"),
        call("get_model_version", "iris", 1),
        call("rename_registered_model", "taken", "prompt"),
        id="renames",
    ),
    after(
        [*CHAMPION, call("create_model_version", "iris", "s3://b/3"), call("create_model_version", "iris", "s3://b/4")],
        call("transition_model_version_stage", "iris", 2, "staging", False),
        call("get_registered_model", "iris"),
        call("get_latest_versions", "iris"),
        call("transition_model_version_stage", "iris", 2, "Staging", True),
        call("transition_model_version_stage", "iris", "1", "PRODUCTION", False),
        call("transition_model_version_stage", "iris", 2, "Production", False),
        call("get_latest_versions", "iris", ["Production", "none"]),
        call("transition_model_version_stage", "iris", 3, "Production", True),
        call("search_model_versions"),
        call("search_registered_models"),
        call("get_registered_model", "iris"),
        call("get_latest_versions", "iris", ["archived"]),
        call("get_model_version_by_alias", "iris", "latest"),
        call("get_model_version_by_alias", "iris", "champion"),
        call("delete_model_version", "iris", 4),
        call("get_model_version_by_alias", "iris", "latest"),
        call("transition_model_version_stage", "iris", 3, "None", False),
        call("get_latest_versions", "iris"),
        call("delete_model_version", "iris", 3),
        call("get_latest_versions", "iris"),
        *[call("transition_model_version_stage", "iris", version, "Staging", True) for version in (3, 9, "x", None)],
        call("transition_model_version_stage", "other", 1, "Staging", False),
        call("transition_model_version_stage", "a/b", 1, "Staging", False),
        call("transition_model_version_stage", "iris", 1, "nonsense", False),
        call("transition_model_version_stage", "iris", 1, "", True),
        call("get_registered_model", "iris"),
        id="stages",
    ),
    after(
        CHAMPION,
        call("delete_registered_model", "iris"),
        call("get_model_version", "iris", 1),
        call("get_model_version_by_alias", "iris", "champion"),
        call("search_model_versions", None),
        *TWO,
        call("get_registered_model", "iris"),
        id="a name that is used again is another model",
    ),
]
