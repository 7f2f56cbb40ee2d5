"""Any calls in any order on MLflow's store and Podium's: names, aliases, tags, filters and numbers that people write,
and those that try what a store takes.
"""

import functools
from typing import Any

from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, precondition, rule
from mlflow.entities import model_registry
from mlflow.entities.model_registry import model_version_stages

from tests.contract import differences, sides

Strategy = st.SearchStrategy[Any]
_COMMON = ["iris", "iris", "iris", "Iris", "a%b", "prompt", "prompt", "é"]
_HOSTILE = ["e\u0301", " iris", "iris ", "a\n", "a\u202eb", "🌸", "a_b", "'", '"q"', "a\\b", "axb"]
_WIDE = ["n" * 257, "n" * 3000, "a\0b"]
"""What PostgreSQL's columns cannot hold: there these texts would make a difference that stays."""
_REFUSED_NAMES = [".", "..", "a/b", "a:b", "", "  ", None, "../a"]


def _often(common: list[Any], rare: list[Any]) -> Strategy:
    """Three times out of four something common."""
    return st.sampled_from(common * max(1, 3 * len(rare) // len(common)) + rare)


@functools.cache
def calls(database: str) -> Strategy:
    """One call of any public method, as a store on this database takes it."""
    wide = _WIDE if database == differences.SQLITE else []
    names = _often(_COMMON, [*_HOSTILE, *wide, *_REFUSED_NAMES])
    texts = st.sampled_from([None, "", "words", "a\nb", "é"] + ["w" * 5001] * bool(wide))
    values = st.sampled_from(["v", "", None, "true", "w", "é"] + ["v" * 5001] * bool(wide) + ["v" * 100_001])
    model_tags, version_tags = (_tags(kind, values) for kind in ("RegisteredModelTag", "ModelVersionTag"))
    return st.one_of(
        _models(names, texts, model_tags),
        _versions(names, texts, version_tags),
        _tagging(names, values),
        _aliasing(names),
        searches(),
        _prompts(names, texts),
    )


KEYS = _often(["a", "b", "a b"], ["k/../b", "../k", "/k", "a\tb", "", "k" * 250, "k" * 251, None, differences.PROMPT])
ALIASES = _often(
    ["champion", "champion", "Champion"],
    ["latest", "LATEST", "v1", "V12", "v1x", "1", "-1", "é", "None", "a b", "a/b", "", None, "a" * 255, "a" * 256],
)
VERSIONS = _often([1, 2, 3, "1"], ["01", " 1 ", 1.9, True, "1_0", None, "x", "", 0, -1, 2**40])
STAGES = _often(
    [None, *model_version_stages.ALL_STAGES, "staging"], ["", "nonsense", model_version_stages.STAGE_DELETED_INTERNAL]
)
SOURCES = _often(
    ["s3://b/1", "s3://b/2", "models:/iris/1"], ["", "models:/iris/99", "models:/nobody/1", "dbfs:/é", "models:/a%b/1"]
)
RUNS = st.sampled_from([None, "", "r1", "r2"])


def _tags(kind: str, values: Strategy) -> Strategy:
    make = getattr(model_registry, kind)
    return st.none() | st.lists(st.builds(make, KEYS, values), max_size=3)


def _call(method: str, *arguments: Strategy) -> Strategy:
    return st.tuples(st.just(method), st.tuples(*arguments))


def _models(names: Strategy, texts: Strategy, tags: Strategy) -> Strategy:
    return st.one_of(
        _call("create_registered_model", names, tags, texts),
        _call("get_registered_model", names),
        _call("update_registered_model", names, texts),
        _call("rename_registered_model", names, names),
        _call("delete_registered_model", names),
        _call("get_latest_versions", names, st.none() | st.lists(STAGES, max_size=2)),
        _call("copy_model_version", names, VERSIONS, names),
    )


def _versions(names: Strategy, texts: Strategy, tags: Strategy) -> Strategy:
    return st.one_of(
        _call("create_model_version", names, SOURCES, RUNS, tags, texts, texts.filter(lambda text: text != "é")),
        _call("create_model_version", names, SOURCES, RUNS),
        _call("get_model_version", names, VERSIONS),
        _call("get_model_version_download_uri", names, VERSIONS),
        _call("update_model_version", names, VERSIONS, texts),
        _call("delete_model_version", names, VERSIONS),
        _call("transition_model_version_stage", names, VERSIONS, STAGES, st.booleans()),
    )


def _tagging(names: Strategy, values: Strategy) -> Strategy:
    return st.one_of(
        _call("set_registered_model_tag", names, st.builds(model_registry.RegisteredModelTag, KEYS, values)),
        _call("delete_registered_model_tag", names, KEYS),
        _call("set_model_version_tag", names, VERSIONS, st.builds(model_registry.ModelVersionTag, KEYS, values)),
        _call("delete_model_version_tag", names, VERSIONS, KEYS),
    )


def _aliasing(names: Strategy) -> Strategy:
    return st.one_of(
        _call("set_registered_model_alias", names, ALIASES, VERSIONS),
        _call("delete_registered_model_alias", names, ALIASES),
        _call("get_model_version_by_alias", names, ALIASES),
    )


_VALUES = _often(
    ["iris", "a", "v", "r1", "%"], ["I%", "i_is", "%i%", "", "a''b", "é", "É", "a\\%b", "true", "s3://b/1"]
)
_LITERALS = st.builds("{0}{1}{0}".format, st.sampled_from(["'", "'", "'", '"']), _VALUES)
_LISTS = st.lists(_LITERALS, max_size=3).map(lambda each: f"({', '.join(each)})")
_ANY_VALUE = st.one_of(_LITERALS, _LITERALS, _LISTS, st.sampled_from(["1", "2", "1.5", "a", "NULL", "(1)"]))
_COMPARATORS = _often(["=", "!=", "LIKE", "ILIKE", "like", "IN", "NOT IN"], ["<", ">", "<=", ">=", "<>", "==", "IS"])
_TAG_KEYS = st.sampled_from(["a", "b", "`a b`", f"`{differences.PROMPT}`", '"b"'])
_ATTRIBUTES = _often(
    ["name", "run_id", "source_path", "version_number"], ["nonsense", "attribute.name", "`name`", "tags.a", "metrics.a"]
)
_TAGS = st.builds("{}.{}".format, st.sampled_from(["tag", "tags"]), _TAG_KEYS)
_PLAUSIBLE = st.one_of(
    st.builds("name {} {}".format, st.sampled_from(["=", "!=", "LIKE", "ILIKE"]), _LITERALS),
    st.builds("{} {} {}".format, _TAGS, st.sampled_from(["=", "!=", "LIKE", "ILIKE"]), _LITERALS),
    st.builds("{} {} {}".format, st.sampled_from(["name", "run_id"]), st.sampled_from(["IN", "NOT IN"]), _LISTS),
    st.builds("version_number {} {}".format, st.sampled_from(["=", "!=", "<", ">="]), st.integers(0, 3)),
    st.builds(
        f"tags.`{differences.PROMPT}` {{}} {{}}".format,
        st.sampled_from(["=", "!="]),
        st.sampled_from(["'true'", "'false'"]),
    ),
)
_ANY_CONDITION = st.builds("{} {} {}".format, _ATTRIBUTES | _TAGS, _COMPARATORS, _ANY_VALUE)
FILTERS = st.one_of(
    st.none(),
    _PLAUSIBLE,
    st.lists(_PLAUSIBLE, min_size=2, max_size=3).map(" AND ".join),
    st.lists(_PLAUSIBLE | _ANY_CONDITION, min_size=1, max_size=2).map(" AND ".join),
    st.lists(_PLAUSIBLE, min_size=2, max_size=2).map(" OR ".join),
    st.sampled_from(["", "nonsense", "name", "AND", "name = 'iris' name = 'a'", "tags.a IS NULL", "'", "name = 'a'; "]),
)
_DIRECTIONS = st.sampled_from(["", " ASC", " DESC", " desc"])
_ANY_ORDER = st.lists(
    st.builds(
        "{}{}".format,
        _often(
            ["name", "timestamp", "last_updated_timestamp", "version_number", "creation_timestamp"],
            ["nonsense", "tags.name", "tag.a", "", "`name`", "'"],
        ),
        _DIRECTIONS | st.just(" SIDEWAYS"),
    ),
    max_size=3,
)


def _orders(*keys: str) -> Strategy:
    """Mostly orders that can be, by different keys."""
    each = st.lists(st.sampled_from(keys), unique=True, max_size=2)
    valid = st.builds(lambda keys, direction: [key + direction for key in keys], each, _DIRECTIONS)
    return st.integers(0, 4).flatmap(lambda number: valid if number else _ANY_ORDER)


MODEL_ORDERS = st.none() | _orders("name", "timestamp") | _orders("last_updated_timestamp", "name")
VERSION_ORDERS = st.none() | _orders("name", "version_number", "creation_timestamp", "last_updated_timestamp")
COUNTS = _often([2, 3, 100, 100], [0, -1, -2, 1.5, 1000, 1000.5, 1001, 200_000, 200_000.5, 200_001])
_FORGED = [
    *[
        differences.token(each)
        for each in ({"offset": 2}, {"offset": "1"}, {"offset": -1}, {"offset": 0}, {"offset": 2**70})
    ],
    *[differences.token(each) for each in ({"offset": 1.5}, {"offset": True}, {"x": 1}, [], 5, None, {"offset": [1]})],
    *["garbage", "é", "%%%", "", b"\xff"],
]
TOKENS = _often([None], _FORGED)


def searches() -> Strategy:
    """A search for models or versions."""
    return st.one_of(
        _call("search_registered_models", FILTERS, COUNTS, MODEL_ORDERS, TOKENS),
        _call("search_model_versions", FILTERS, COUNTS, VERSION_ORDERS, TOKENS),
    )


_TEMPLATES = st.sampled_from(["Hello {{name}}", "", "é", [{"role": "user", "content": "Hi {{name}}"}]])
_PROMPT_VERSIONS = _often([1, 2, "1", "champion"], ["x", None, 9])
_PROMPT_TAGS = st.none() | st.dictionaries(st.sampled_from(["a", "b"]), st.sampled_from(["v", ""]), max_size=2)
_EXPERIMENTS = st.sampled_from(
    ["experiment_id = '1'", "experiment_id = 'x'", "experiment_id = '1' AND name = 'prompt'"]
)


def _prompts(names: Strategy, texts: Strategy) -> Strategy:
    named = st.just("prompt") | names
    key, value = st.sampled_from(["a", "_mlflow_experiment_ids"]), st.sampled_from(["v", ",1,"])
    return st.one_of(
        _call("create_prompt", named, texts, _PROMPT_TAGS),
        _call("get_prompt", named),
        _call("delete_prompt", named),
        _call("search_prompts", FILTERS | _EXPERIMENTS, st.none() | COUNTS, MODEL_ORDERS, TOKENS),
        _call("set_prompt_tag", named, key, value),
        _call("delete_prompt_tag", named, key),
        _call("create_prompt_version", named, _TEMPLATES, texts, _PROMPT_TAGS),
        _call("get_prompt_version", named, _PROMPT_VERSIONS),
        _call("get_prompt_version_by_alias", named, ALIASES),
        _call("delete_prompt_version", named, _PROMPT_VERSIONS),
        _call("search_prompt_versions", named, st.none() | COUNTS, TOKENS),
        _call("set_prompt_alias", named, ALIASES, _PROMPT_VERSIONS),
        _call("delete_prompt_alias", named, ALIASES),
        _call("set_prompt_version_tag", named, _PROMPT_VERSIONS, key, value),
        _call("delete_prompt_version_tag", named, _PROMPT_VERSIONS, key),
    )


class Machine(RuleBasedStateMachine):
    """Every step is one call on both sides, which a subclass opens."""

    def __init__(self) -> None:
        super().__init__()
        self.both = self.open()
        self.pages: list[tuple[str, tuple[Any, ...]]] = []

    def open(self) -> sides.Sides:
        """Both stores, empty."""
        raise NotImplementedError

    def close(self) -> None:
        """After a sequence, whose calls and listed differences are counted."""

    @initialize(models=st.sets(st.sampled_from(["iris", "a%b", "é"]), max_size=2), has_prompt=st.booleans())
    def begin(self, models: set[str], has_prompt: bool) -> None:
        for name in sorted(models):
            self.both.compare("create_registered_model", name)
            self.both.compare("create_model_version", name, "s3://b/1", "r1")
            self.both.compare("create_model_version", name, "s3://b/2")
        if has_prompt:
            self.both.compare("create_prompt", "prompt")
            self.both.compare("create_prompt_version", "prompt", "Hello {{name}}")

    @rule(data=st.data(), advance_ms=st.sampled_from([0, 1, 1000]))
    def call(self, data: st.DataObject, advance_ms: int) -> None:
        method, arguments = data.draw(calls(self.both.database))
        answer = self.both.compare(method, *arguments, advance_ms=advance_ms)
        if not answer.error and method in ("search_registered_models", "search_model_versions", "search_prompts"):
            (offset, (text, count, order, _)) = (answer.result[1], arguments)
            if offset is not None:
                self.pages.append((method, (text, count, order, differences.token({"offset": offset}))))

    @precondition(lambda self: self.pages)
    @rule(data=st.data())
    def next_page(self, data: st.DataObject) -> None:
        method, arguments = data.draw(st.sampled_from(self.pages))
        self.both.compare(method, *arguments)

    @precondition(lambda self: self.pages)
    @rule(data=st.data(), text=FILTERS, count=COUNTS)
    def page_of_another_query(self, data: st.DataObject, text: str | None, count: int) -> None:
        method, (_, _, order, token) = data.draw(st.sampled_from(self.pages))
        self.both.compare(method, text, count, order, token)

    def teardown(self) -> None:
        """Whatever was not asked for in between is the same too."""
        try:
            for text in (None, f"tags.`{differences.PROMPT}` = 'true'"):
                self.both.compare("search_registered_models", text, 1000)
                self.both.compare("search_model_versions", text, 1000)
        finally:
            self.close()
