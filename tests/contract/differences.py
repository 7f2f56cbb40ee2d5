"""Where Podium's store answers otherwise than MLflow's SQL store, on purpose: docs/mlflow-differences.md in code.

Each row of that page is one of DIFFERENCES, with calls whose last answer shows it, or names the test that does.
`covers` says when a difference may show in a sequence of any calls; those without never do there, because after them
the stores hold different things, or because it takes more than a store.
"""

import base64
import dataclasses
import json
from collections.abc import Callable
from typing import Any

from mlflow.entities import model_registry

Call = tuple[str, tuple[Any, ...]]
"""A method's name and its arguments."""
SQLITE, POSTGRESQL = "sqlite", "postgresql"
PROMPT = "mlflow.prompt.is_prompt"
_SEARCHES = ("search_registered_models", "search_model_versions", "search_prompts", "search_prompt_versions")


@dataclasses.dataclass(frozen=True)
class Answer:
    """What a store answered: a plain value, or the code of an error and its sentence."""

    result: Any
    error: str = ""
    sentence: str = ""


@dataclasses.dataclass(frozen=True)
class Case:
    """One answer to a call by both, on a database that holds versions of these prompts' names that were deleted."""

    call: Call
    theirs: Answer
    ours: Answer
    database: str
    deleted_prompts: Callable[[], set[str]]


def never(_: Case) -> bool:
    """Such a difference does not show in sequences of calls."""
    return False


@dataclasses.dataclass(frozen=True)
class Difference:
    """`name` is its row's; `example` is run on every database of `databases`."""

    name: str
    example: tuple[Call, ...]
    databases: tuple[str, ...] = (SQLITE, POSTGRESQL)
    covers: Callable[[Case], bool] = never


def listed(case: Case) -> str | None:
    """The name of the difference that this is; None: it is none of them."""
    return next((each.name for each in DIFFERENCES if each.covers(case)), None)


def call(method: str, *arguments: Any) -> Call:
    return method, arguments


def token(value: Any) -> bytes:
    """A page token that says this."""
    return base64.b64encode(json.dumps(value).encode())


def _names_the_missing_model(case: Case) -> bool:
    return (
        case.theirs.error == case.ours.error == "RESOURCE_DOES_NOT_EXIST"
        and case.theirs.sentence.startswith("Model Version (name=")
        and case.ours.sentence.startswith("Registered Model with name=")
    )


def _is_without_the_databases_words(case: Case) -> bool:
    return case.theirs.error == case.ours.error and case.theirs.sentence.startswith(f"{case.ours.sentence} Error: ")


def _is_a_mistake(case: Case) -> bool:
    is_fault = case.theirs.error == "INTERNAL_ERROR" or case.theirs.error.startswith("Python's")
    is_fault = is_fault or case.theirs.sentence.startswith(("(sqlite3.", "(psycopg."))
    is_source = case.call[0] == "create_model_version" and case.ours.error == "RESOURCE_DOES_NOT_EXIST"
    return is_fault and (case.ours.error == "INVALID_PARAMETER_VALUE" or is_source)


def _is_a_list_as_a_text(case: Case) -> bool:
    """MLflow lets the database find out, and so tells another mistake of the same call first."""
    return case.call[0] in _SEARCHES and case.ours.sentence.startswith("Invalid value for comparator")


def _is_beyond_a_column(case: Case) -> bool:
    is_their_refusal = case.theirs.error == "BAD_REQUEST" and case.theirs.sentence.startswith("(psycopg.")
    return is_their_refusal and (bool(case.ours.error) or case.call[0].startswith(("search", "get")))


def _is_no_page(case: Case) -> bool:
    sentences = ("Invalid page token: no page begins at", "Invalid value for max_results.")
    is_their_limit = case.theirs.sentence.startswith("Invalid value for request parameter max_results.")
    return case.call[0] in _SEARCHES and case.ours.sentence.startswith(sentences) and not is_their_limit


def _is_a_pattern_of_sqlite(case: Case) -> bool:
    text = str(case.call[1][0]).upper() if case.call[1] else ""
    is_pattern = "LIKE" in text and ("\\" in text or not text.isascii())
    return case.call[0] in _SEARCHES and is_pattern and case.database == SQLITE


def _is_a_trailing_backslash(case: Case) -> bool:
    return case.call[0] in _SEARCHES and "must not end with a backslash" in case.ours.sentence


def _is_hidden_by_a_deleted_prompt(case: Case) -> bool:
    return case.call[0] == "search_model_versions" and not case.ours.error and bool(case.deleted_prompts())


_IRIS = call("create_registered_model", "iris")
_VERSION = call("create_model_version", "iris", "s3://b/1")
_ACCENT = call("create_registered_model", "É")

DIFFERENCES = (
    Difference("the missing model", (call("get_model_version", "iris", 1),), covers=_names_the_missing_model),
    Difference(
        "the name that is taken",
        (_IRIS, _ACCENT, call("rename_registered_model", "iris", "É")),
        covers=_is_without_the_databases_words,
    ),
    Difference("pages", (_IRIS, call("search_registered_models", None, -2)), covers=_is_no_page),
    Difference("pages", (_IRIS, call("search_registered_models", None, 1.5))),
    Difference("pages", (_IRIS, call("search_registered_models", None, 1, None, token({"offset": -1})))),
    Difference("pages", (_IRIS, call("search_registered_models", None, 1, None, token({"offset": 2**70})))),
    Difference("patterns", (call("search_registered_models", "name LIKE 'a\\'"),), covers=_is_a_trailing_backslash),
    Difference(
        "patterns",
        (_ACCENT, call("search_registered_models", "name ILIKE 'é'")),
        (SQLITE,),
        covers=_is_a_pattern_of_sqlite,
    ),
    Difference(
        "longer texts", (_IRIS, call("get_model_version", "iris", 2**40)), (POSTGRESQL,), covers=_is_beyond_a_column
    ),
    Difference("longer texts", (call("create_registered_model", "n" * 257),), (POSTGRESQL,)),
    Difference("longer texts", (call("create_registered_model", "a\0b"),), (POSTGRESQL,)),
    Difference(
        "deleted prompts",
        (
            _IRIS,
            call("create_model_version", "iris", "s3://b/1", None, [model_registry.ModelVersionTag(PROMPT, "true")]),
            call("delete_model_version", "iris", 1),
            _VERSION,
            call("search_model_versions", "name = 'iris'"),
        ),
        covers=_is_hidden_by_a_deleted_prompt,
    ),
    Difference("mistakes", (call("search_registered_models", None, 1, ["name", "name"]),), covers=_is_a_mistake),
    Difference("mistakes", (call("search_registered_models", "name IN (a)"),)),
    Difference("mistakes", (call("search_registered_models", "name LIKE ('a', 'b')"),)),
    Difference(
        "mistakes",
        (_IRIS, call("search_registered_models", "name = ('iris')")),
        (POSTGRESQL,),
        covers=_is_a_list_as_a_text,
    ),
    Difference("mistakes", (_IRIS, call("get_model_version", "iris", None))),
    Difference("mistakes", (_IRIS, call("create_model_version", "iris", "models:/nobody/1"))),
    Difference("stricter", (call("create_registered_model", "n" * 3001),), (SQLITE,)),
    Difference("stricter", (_IRIS, _VERSION, call("set_registered_model_alias", "iris", "champion\n", 1))),
    Difference("stricter", (_IRIS, call("create_model_version", "iris", None))),
    Difference("stricter", (call("create_registered_model", "iris", None, 5),)),
    Difference("deployment jobs", (call("create_registered_model", "iris", None, None, "job"),)),
)
