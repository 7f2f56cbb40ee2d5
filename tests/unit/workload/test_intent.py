"""The hashes that decide what restarts a pod and what is another revision."""

from typing import Any

import hypothesis
import hypothesis.strategies as st
import pytest

from podium import names
from podium.api import model_alias
from podium.crdgen import schema
from podium.workload import intent
from tests.support import effort
from tests.unit.workload import factories

SAME = [
    pytest.param({"replicas": 7}, id="scaling"),
    pytest.param({"ingress": {"host": "iris.example.com"}}, id="an ingress"),
    pytest.param({"registry": {"namespace": "other"}}, id="the registry's namespace"),
    pytest.param({"source": factories.URI}, id="the source that the registry names anyway"),
    pytest.param({"runtime": {}, "storage": {}, "puller": {}}, id="objects without content"),
    pytest.param({"runtime": {"workers": 2}}, id="a default that is written out"),
    pytest.param({"probes": {"startup": {"periodSeconds": 1}}}, id="a probe's default that is written out"),
    pytest.param(
        {"resources": {"requests": {"cpu": "500m", "memory": "512Mi"}, "limits": {"cpu": "1000m", "memory": "1Gi"}}},
        id="the resources that the API server fills in",
    ),
]
OTHER = [
    pytest.param({"version": 2}, id="the version"),
    pytest.param({"model": "other"}, id="the model"),
    pytest.param({"runtime": {"image": "mine:1"}}, id="the image"),
    pytest.param({"runtime": {"env": [{"name": "A", "value": "1"}]}}, id="a variable"),
    pytest.param({"resources": {"requests": {"cpu": "500m"}}}, id="resources"),
    pytest.param({"probes": {"liveness": {"periodSeconds": 31}}}, id="a probe"),
    pytest.param({"storage": {"endpoint": "http://s3:9000"}}, id="the endpoint"),
    pytest.param({"podTemplate": {"labels": {"team": "a"}}}, id="a label of the pods"),
]


def test_the_hash_of_a_spec_is_what_it_always_was() -> None:
    assert intent.hash_intent(factories.spec(), factories.URI) == "1-pueemkkp"
    assert intent.hash_revision(model_alias.Template(), "uid-of-iris", factories.URI) == "gfy626ds"


@pytest.mark.parametrize("fields", SAME)
def test_what_does_not_shape_the_pods_leaves_the_intent_alone(fields: dict[str, Any]) -> None:
    before = intent.hash_intent(factories.spec(), factories.URI)
    assert intent.hash_intent(factories.spec(**fields), factories.URI) == before


@pytest.mark.parametrize("fields", OTHER)
def test_what_shapes_the_pods_changes_the_intent(fields: dict[str, Any]) -> None:
    before = intent.hash_intent(factories.spec(), factories.URI)
    assert intent.hash_intent(factories.spec(**fields), factories.URI) != before


def test_the_order_in_which_a_map_is_written_changes_no_hash() -> None:
    one, other = (
        {"podTemplate": {"labels": dict(pairs)}} for pairs in ([("a", "1"), ("b", "2")], [("b", "2"), ("a", "1")])
    )
    hashes = {intent.hash_intent(factories.spec(**each), factories.URI) for each in (one, other)}
    assert len(hashes) == 1


def test_another_source_is_another_intent() -> None:
    assert intent.hash_intent(factories.spec(), "s3://a/b") != intent.hash_intent(factories.spec(), "s3://a/c")


def test_a_revision_is_of_one_template_one_model_and_one_source() -> None:
    template = model_alias.Template()
    one = intent.hash_revision(template, "uid", "s3://a/b")
    others = {
        intent.hash_revision(template, "uid", "s3://a/c"),
        intent.hash_revision(template, "uid-2", "s3://a/b"),
        intent.hash_revision(model_alias.Template.model_validate({"runtime": {"workers": 3}}), "uid", "s3://a/b"),
    }
    assert len(others | {one}) == 4
    scaled = model_alias.Template.model_validate({"replicas": 9})
    assert intent.hash_revision(scaled, "uid", "s3://a/b") == one


def test_a_revisions_name_ends_at_the_limit_of_a_service_name() -> None:
    alias = "a" * names.MODEL_ALIAS_NAME_LIMIT
    revision = intent.hash_revision(model_alias.Template(), "uid", "s3://a/b")
    assert len(intent.name_revision(alias, names.VERSION_LIMIT, revision)) == names.OBJECT_NAME_LIMIT
    assert intent.name_revision("champion", 12, "k3v5q2xa") == "champion-v12-k3v5q2xa"


def fill_defaults(node: dict[str, Any], value: Any) -> Any:
    """What the API server does: defaults where a key is absent, in the objects that are there."""
    for key, sub in node.get("properties", {}).items():
        if key not in value and "default" in sub:
            value[key] = sub["default"]
        if isinstance(value.get(key), dict):
            value[key] = fill_defaults(sub, dict(value[key]))
    return value


SPECS = st.fixed_dictionaries(
    {},
    optional={
        "runtime": st.fixed_dictionaries({}, optional={"workers": st.integers(1, 3), "image": st.just("i:1")}),
        "puller": st.fixed_dictionaries({}, optional={"retries": st.integers(4, 6), "timeout": st.just("5m")}),
        "resources": st.fixed_dictionaries({}, optional={"requests": st.just({"cpu": 1}), "limits": st.just({})}),
        "probes": st.fixed_dictionaries(
            {},
            optional={
                "startup": st.fixed_dictionaries({}, optional={"periodSeconds": st.integers(1, 2)}),
                "liveness": st.fixed_dictionaries({}, optional={"failureThreshold": st.integers(2, 4)}),
            },
        ),
    },
)


@hypothesis.settings(max_examples=effort.examples(60), deadline=None)
@hypothesis.given(SPECS)
def test_the_defaults_that_the_api_server_fills_in_mean_the_same_as_their_absence(fields: dict[str, Any]) -> None:
    structural = schema.structural(type(factories.spec()))
    filled = fill_defaults(structural, dict(fields))
    assert factories.spec(**filled) == factories.spec(**fields)
    one, other = (intent.hash_intent(factories.spec(**each), factories.URI) for each in (filled, fields))
    assert one == other


def test_the_hashes_of_a_release_stay_what_they_are() -> None:
    """Another value restarts every model when Podium is upgraded: it needs a new HASH_VERSION, and a note to users."""
    fields = {
        "runtime": {"workers": 3, "env": [{"name": "GRUSS", "value": "grüß"}]},
        "podTemplate": {"priorityClassName": "high"},
    }
    assert intent.hash_intent(factories.spec(**fields), factories.URI) == "1-ekzoqi44"
    template = model_alias.Template.model_validate(fields)
    assert intent.hash_revision(template, "uid-of-iris", factories.URI) == "gqh7oknp"
