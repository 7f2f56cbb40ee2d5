"""What the API server itself says of a ModelVersion and a ModelAlias: what it refuses and in which words.

Nearly all is asked as a dry run, so that nothing is made that an operator could act on.
"""

from collections.abc import Iterator
from typing import Any

import pytest

from tests.apiserver.objects import PLURALS, create, manifest, merged, refusal
from tests.support import cluster

pytestmark = pytest.mark.usefixtures("kinds")

NAME = (
    "metadata.name becomes the name of a Service: write at most {limit} lower-case letters, digits and '-', a letter "
    "first"
)
OBJECT_NAME = (
    "write the name of a Kubernetes object: lower-case letters, digits, '-' and '.', with a letter or a digit at both "
    "ends"
)
MODEL = "write the model's name alone, as MLflow shows it: no '/', no ':', no alias"
ALIAS = "write an alias that MLflow accepts: letters, digits, '_' and '-'; not 'latest', not 'v1'"
DURATION = "write a duration such as 500ms, 2s, 1m30s or 1h"
TOO_SHORT = "write a rollout.progressDeadline that is no shorter than what a pod may take"
SOURCE = "write the folder that holds the file MLmodel: s3://bucket/path/to/model"
ENDPOINT = "write the URL of the S3 server without a path: http://s3.storage.svc:9000 or https://s3.example.com"
CA_BUNDLE = "write configMapName or secretName, one of them"
HOST = (
    "write one host name such as model.example.com: lower-case letters, digits, '-' and '.', no '*', no port, no IP "
    "address"
)
PATH = "write an absolute path such as / or /models/iris: no '//', no '.' or '..' part, no '%2F', no space"
QUANTITY = "write quantities of 0 or more, such as 500m, 2, 512Mi or 1.5Gi"
OWN_LABEL = "remove the keys that begin with podium.dev/"
VARIABLE = "remove this variable: Podium sets"


@pytest.mark.parametrize(
    ("kind", "name", "sentence"),
    [
        pytest.param("ModelVersion", "a" * 64, NAME.format(limit=63), id="a ModelVersion's of 64 characters"),
        pytest.param("ModelVersion", "iris.v1", NAME.format(limit=63), id="with a dot"),
        pytest.param("ModelVersion", "1-iris", NAME.format(limit=63), id="a digit first"),
        pytest.param("ModelAlias", "a" * 45, NAME.format(limit=44), id="a ModelAlias's of 45 characters"),
        pytest.param("ModelAlias", "Iris", "a lowercase RFC 1123 subdomain must consist of", id="upper case"),
        pytest.param("ModelAlias", "iris_x", "a lowercase RFC 1123 subdomain must consist of", id="an underscore"),
    ],
)
def test_a_name_that_no_service_could_bear_is_refused(
    api: cluster.Api, namespace: str, kind: str, name: str, sentence: str
) -> None:
    assert sentence in refusal(api, namespace, manifest(kind, name))


@pytest.mark.parametrize(("kind", "limit"), [("ModelVersion", 63), ("ModelAlias", 44)])
def test_the_longest_name_is_accepted(api: cluster.Api, namespace: str, kind: str, limit: int) -> None:
    assert create(api, namespace, manifest(kind, "a" * limit))["metadata"]["name"] == "a" * limit


SERVING = [  # fields that a ModelVersion's spec and a ModelAlias's template share
    pytest.param({"replicas": -1}, "replicas in body should be greater than or equal to 0", id="negative replicas"),
    pytest.param({"replicas": "3"}, 'must be of type integer: "string"', id="replicas in quotes"),
    pytest.param({"runtime": {"workers": 0}}, "workers in body should be greater than or equal to 1", id="no workers"),
    pytest.param({"runtime": {"env": [{"name": "1A", "value": "x"}]}}, "no digit first", id="a variable's name"),
    pytest.param({"runtime": {"env": [{"name": "PODIUM_MODEL_DIR", "value": "/"}]}}, VARIABLE, id="Podium's variable"),
    pytest.param(
        {"runtime": {"env": [{"name": "A", "value": "x", "valueFrom": {"fieldRef": {}}}]}},
        "write value or valueFrom, not both",
        id="a variable with two values",
    ),
    pytest.param(
        {"runtime": {"env": [{"name": "A", "value": "x"}, {"name": "A", "value": "y"}]}},
        "Duplicate value",
        id="a variable twice",
    ),
    pytest.param({"resources": {"limits": {"memory": "lots"}}}, QUANTITY, id="no quantity"),
    pytest.param({"resources": {"limits": {"memory": "-1Gi"}}}, QUANTITY, id="a negative quantity"),
    pytest.param({"resources": {"requests": {"cpu": -1}}}, QUANTITY, id="a negative whole quantity"),
    pytest.param(
        {"resources": {"requests": {"cpu": 0.5}}}, 'must be of type integer,string: "number"', id="a fraction"
    ),
    pytest.param(
        {"resources": {"requests": {"memory": "2Gi"}, "limits": {"memory": "1Gi"}}},
        "write requests that are not above the limits",
        id="requests above limits",
    ),
    pytest.param(
        {"probes": {"startup": {"periodSeconds": 0}}}, "greater than or equal to 1", id="a probe without a pause"
    ),
    pytest.param({"puller": {"timeout": "10"}}, DURATION, id="a duration without a unit"),
    pytest.param({"puller": {"timeout": "1d"}}, DURATION, id="a duration in days"),
    pytest.param({"puller": {"timeout": "0s"}}, "write more than 0s", id="no time to pull"),
    pytest.param({"puller": {"retries": -1}}, "greater than or equal to 0", id="negative retries"),
    pytest.param(
        {"puller": {"env": [{"name": "PODIUM_SOURCE", "value": "s3://x/y"}]}},
        "remove the variables that begin with PODIUM_",
        id="a variable of the puller's own",
    ),
    pytest.param({"storage": {"caBundle": {"key": "x"}}}, CA_BUNDLE, id="a bundle that is nowhere"),
    pytest.param(
        {"storage": {"caBundle": {"configMapName": "a", "secretName": "b"}}}, CA_BUNDLE, id="a bundle in two places"
    ),
    pytest.param({"storage": {"endpoint": "s3.example.com"}}, ENDPOINT, id="an endpoint without a scheme"),
    pytest.param({"storage": {"endpoint": "http://s3/bucket"}}, ENDPOINT, id="an endpoint with a path"),
    pytest.param({"storage": {"endpoint": "http://user:pass@s3"}}, ENDPOINT, id="an endpoint with credentials"),
    pytest.param({"storage": {"secretName": "My_Secret"}}, OBJECT_NAME, id="a Secret's name"),
    pytest.param(
        {"storage": {"secretName": "a", "serviceAccountName": "b"}},
        "write secretName or serviceAccountName: with both, the Secret's keys would win",
        id="two sources of credentials",
    ),
    pytest.param({"podTemplate": {"labels": {"podium.dev/model-version-name": "x"}}}, OWN_LABEL, id="Podium's label"),
    pytest.param({"podTemplate": {"labels": {"app.kubernetes.io/managed-by": "x"}}}, OWN_LABEL, id="a shared label"),
    pytest.param({"smokeTest": {"timeout": "0s"}}, "write more than 0s", id="no time for an answer"),
    pytest.param(
        {"smokeTest": {"timeout": "5m"}}, "write a smokeTest.timeout below", id="longer than the default waits"
    ),
    pytest.param(
        {"smokeTest": {"timeout": "31s"}, "probes": {"startup": {"failureThreshold": 31}}},
        "write a smokeTest.timeout below the patience of probes.startup",
        id="longer than the probe waits",
    ),
    pytest.param({"smokeTest": {"mode": False}}, "must be of type string", id="Off without quotes"),
    pytest.param({"podTemplate": {"annotations": {"podium.dev/version": "x"}}}, OWN_LABEL, id="Podium's annotation"),
    pytest.param({"replica": 1}, 'unknown field "spec.', id="a field that is misspelt"),
    pytest.param({"autoscaling": {"max": 3}}, 'unknown field "spec.', id="a field that is not offered yet"),
]


@pytest.mark.parametrize(("fields", "sentence"), SERVING)
def test_a_model_version_that_cannot_be_served_is_refused(
    api: cluster.Api, namespace: str, fields: dict[str, Any], sentence: str
) -> None:
    assert sentence in refusal(api, namespace, manifest("ModelVersion", **fields))


@pytest.mark.parametrize(("fields", "sentence"), SERVING)
def test_a_template_that_cannot_be_served_is_refused(
    api: cluster.Api, namespace: str, fields: dict[str, Any], sentence: str
) -> None:
    assert sentence in refusal(api, namespace, manifest("ModelAlias", template=fields))


INGRESSES = [
    pytest.param({"host": None}, "spec.ingress.host: Required value", id="no host"),
    pytest.param({"host": "Iris.example.com"}, HOST, id="upper case"),
    pytest.param({"host": "iris.example.com:8080"}, HOST, id="a port"),
    pytest.param({"host": "http://iris.example.com"}, HOST, id="a URL"),
    pytest.param({"host": "*.example.com"}, HOST, id="a wildcard"),
    pytest.param({"host": "10.0.0.1"}, HOST, id="an IP address"),
    pytest.param({"host": "a..example.com"}, HOST, id="an empty label"),
    pytest.param({"host": "a" * 64 + ".example.com"}, HOST, id="a label of 64 characters"),
    pytest.param({"path": "models"}, PATH, id="a path without a slash"),
    pytest.param({"path": "/a//b"}, PATH, id="an empty part"),
    pytest.param({"path": "/a/../b"}, PATH, id="a part that leads up"),
    pytest.param({"path": "/a b"}, PATH, id="a space"),
    pytest.param(
        {"pathType": "Regex"},
        'supported values: "Prefix", "Exact", "ImplementationSpecific"',
        id="a path type of another kind",
    ),
    pytest.param({"className": "Nginx!"}, OBJECT_NAME, id="a class's name"),
    pytest.param({"tls": {"secretName": ""}}, "secretName in body should be at least 1 chars long", id="no TLS Secret"),
]


@pytest.mark.parametrize("kind", PLURALS)
@pytest.mark.parametrize(("fields", "sentence"), INGRESSES)
def test_an_ingress_that_no_controller_would_serve_is_refused(
    api: cluster.Api, namespace: str, kind: str, fields: dict[str, Any], sentence: str
) -> None:
    ingress = merged({"host": "iris.example.com"}, fields)
    assert sentence in refusal(api, namespace, manifest(kind, ingress=ingress))


IDENTITIES = [
    pytest.param(
        "ModelVersion", {"version": 0}, "version in body should be greater than or equal to 1", id="version 0"
    ),
    pytest.param("ModelVersion", {"version": 10**8}, "less than or equal to 99999999", id="a version of nine digits"),
    pytest.param("ModelVersion", {"version": "1"}, 'must be of type integer: "string"', id="a version in quotes"),
    pytest.param("ModelVersion", {"version": None}, "spec.version: Required value", id="no version"),
    pytest.param("ModelVersion", {"model": None}, "spec.model: Required value", id="no model"),
    pytest.param("ModelVersion", {"model": ""}, "model in body should be at least 1 chars long", id="an empty model"),
    pytest.param("ModelVersion", {"model": " "}, MODEL, id="a model of spaces"),
    pytest.param("ModelVersion", {"model": "models:/iris"}, MODEL, id="a model's URI"),
    pytest.param("ModelVersion", {"model": "a" * 3001}, "may not be more than 3000 bytes", id="3,001 characters"),
    pytest.param("ModelVersion", {"source": "s3://-bucket/x"}, SOURCE, id="a bucket that begins with a dash"),
    pytest.param("ModelVersion", {"source": "https://bucket/x"}, SOURCE, id="a source of another scheme"),
    pytest.param("ModelVersion", {"source": "models:/iris/1"}, SOURCE, id="a source in the registry"),
    pytest.param("ModelVersion", {"source": "s3://"}, SOURCE, id="a source without a bucket"),
    pytest.param(
        "ModelVersion", {"registry": {"namespace": "my.registry"}}, "write the name of a namespace", id="a registry"
    ),
    pytest.param("ModelVersion", {"alias": "champion"}, 'unknown field "spec.alias"', id="an alias on a ModelVersion"),
    pytest.param("ModelAlias", {"alias": None}, "spec.alias: Required value", id="no alias"),
    pytest.param("ModelAlias", {"alias": "latest"}, ALIAS, id="latest"),
    pytest.param("ModelAlias", {"alias": "Latest"}, ALIAS, id="Latest"),
    pytest.param("ModelAlias", {"alias": "v1"}, ALIAS, id="v1"),
    pytest.param("ModelAlias", {"alias": "V12"}, ALIAS, id="V12"),
    pytest.param("ModelAlias", {"alias": "iris@champion"}, ALIAS, id="a model with its alias"),
    pytest.param("ModelAlias", {"alias": "champion!"}, ALIAS, id="a mark"),
    pytest.param("ModelAlias", {"version": 0}, "version in body should be greater than or equal to 1", id="pin 0"),
    pytest.param(
        "ModelAlias",
        {"template": {"ingress": {}}},
        "a template has no ingress: the alias owns the host, write it in spec.ingress of the ModelAlias",
        id="a template's ingress",
    ),
    pytest.param(
        "ModelAlias", {"template": {"model": "x"}}, 'unknown field "spec.template.model"', id="a template's model"
    ),
    pytest.param(
        "ModelAlias", {"template": {"version": 1}}, 'unknown field "spec.template.version"', id="a template's version"
    ),
    pytest.param(
        "ModelAlias",
        {"rollout": {"strategy": "Canary"}},
        'Unsupported value: "Canary": supported values: "BlueGreen"',
        id="a strategy that is not offered",
    ),
    pytest.param("ModelAlias", {"rollout": {"overlap": "2 s"}}, DURATION, id="a duration with a space"),
    pytest.param("ModelAlias", {"rollout": {"overlap": 2}}, 'must be of type string: "integer"', id="a bare number"),
    pytest.param("ModelAlias", {"rollout": {"progressDeadline": "0s"}}, "write more than 0s", id="no time to progress"),
    pytest.param("ModelAlias", {"rollout": {"progressDeadline": "14m59s"}}, TOO_SHORT, id="a deadline for no pod"),
    pytest.param(
        "ModelAlias",
        {"rollout": {"progressDeadline": "15m"}, "template": {"puller": {"timeout": "11m"}}},
        TOO_SHORT,
        id="a deadline in which a pull may still be under way",
    ),
    pytest.param(
        "ModelAlias",
        {"rollout": {"progressDeadline": "15m"}, "template": {"probes": {"startup": {"periodSeconds": 2}}}},
        TOO_SHORT,
        id="a deadline in which a model may still be loaded",
    ),
    pytest.param("ModelAlias", {"rollout": {"steps": []}}, 'unknown field "spec.rollout.steps"', id="canary steps"),
    pytest.param("ModelAlias", {"shadow": {}}, 'unknown field "spec.shadow"', id="a shadow"),
]


@pytest.mark.parametrize(("kind", "fields", "sentence"), IDENTITIES)
def test_what_is_no_model_version_alias_or_rollout_is_refused(
    api: cluster.Api, namespace: str, kind: str, fields: dict[str, Any], sentence: str
) -> None:
    assert sentence in refusal(api, namespace, manifest(kind, **fields))


@pytest.mark.parametrize(
    ("kind", "fields"),
    [
        pytest.param("ModelVersion", {"model": "a" * 3000}, id="a model's name of 3,000 characters"),
        pytest.param("ModelVersion", {"model": "붓꽃 분류 @ Seoul"}, id="a Korean model's name with spaces"),
        pytest.param("ModelVersion", {"source": "s3://bucket"}, id="a source that is a whole bucket"),
        pytest.param("ModelVersion", {"source": "s3://My_Bucket//x"}, id="a bucket's name of before 2018"),
        pytest.param("ModelVersion", {"source": "s3a://bucket/x"}, id="Hadoop's name of S3"),
        pytest.param(
            "ModelVersion", {"source": "s3://arn:aws:s3:eu-1:123456789012:accesspoint:ap/x"}, id="an access point"
        ),
        pytest.param("ModelVersion", {"storage": {"caBundle": {"secretName": "ca"}}}, id="a bundle in a Secret"),
        pytest.param(
            "ModelVersion", {"puller": {"env": [{"name": "HTTPS_PROXY", "value": "http://proxy:3128"}]}}, id="a proxy"
        ),
        pytest.param("ModelVersion", {"resources": {"requests": {"cpu": 1, "memory": "1.5Gi"}}}, id="quantities"),
        pytest.param(
            "ModelVersion", {"runtime": {"env": [{"name": "PODIUM_DRAIN_SECONDS", "value": "9"}]}}, id="a drain"
        ),
        pytest.param("ModelAlias", {"alias": "étoile-1_x"}, id="an alias with an accent"),
        pytest.param("ModelAlias", {"alias": "v1x"}, id="an alias that only begins like a version"),
        pytest.param("ModelAlias", {"alias": "1"}, id="an alias that is a number"),
        pytest.param("ModelAlias", {"alias": "a" * 255}, id="an alias of 255 characters"),
        pytest.param("ModelAlias", {"rollout": {"overlap": "0s"}}, id="no overlap"),
        pytest.param("ModelAlias", {"rollout": {"progressDeadline": "15m"}}, id="time for one pull and one load"),
        pytest.param(
            "ModelAlias",
            {
                "rollout": {"progressDeadline": "20s"},
                "template": {"puller": {"timeout": "10s"}, "probes": {"startup": {"failureThreshold": 10}}},
            },
            id="little time where pods have less",
        ),
        pytest.param(
            "ModelAlias", {"ingress": {"host": "localhost", "path": "/a(/|$)(.*)"}}, id="an ingress's pattern"
        ),
        pytest.param("ModelAlias", {"template": {"podTemplate": {"tolerations": [{"key": "gpu"}]}}}, id="tolerations"),
    ],
)
def test_what_mlflow_and_kubernetes_accept_is_accepted(
    api: cluster.Api, namespace: str, kind: str, fields: dict[str, Any]
) -> None:
    made = create(api, namespace, manifest(kind, **fields))["spec"]
    assert merged(made, fields) == made


@pytest.mark.parametrize("kind", PLURALS)
def test_a_minimal_spec_is_accepted(api: cluster.Api, namespace: str, kind: str) -> None:
    assert create(api, namespace, manifest(kind))["spec"].items() >= {"model": "iris"}.items()


def test_defaults_are_filled_where_an_object_is_written_and_replicas_never(api: cluster.Api, namespace: str) -> None:
    written = {"replicas": None, "probes": {"startup": {"failureThreshold": 9}}, "ingress": {"host": "a.example.com"}}
    made = create(api, namespace, manifest("ModelVersion", **written))["spec"]
    assert made == {
        "model": "iris",
        "version": 1,
        "resources": {
            "requests": {"cpu": "500m", "memory": "512Mi"},
            "limits": {"cpu": "1000m", "memory": "1Gi"},
        },
        "probes": {"startup": {"failureThreshold": 9, "periodSeconds": 1, "timeoutSeconds": 5}},
        "ingress": {"host": "a.example.com", "path": "/", "pathType": "Prefix"},
    }


def test_resources_that_are_written_replace_the_default_as_a_whole(api: cluster.Api, namespace: str) -> None:
    written = {"requests": {"cpu": "100m"}}
    assert create(api, namespace, manifest("ModelVersion", resources=written))["spec"]["resources"] == written


def test_a_client_that_asks_for_no_strict_validation_has_unknown_fields_dropped(
    api: cluster.Api, namespace: str
) -> None:
    """kubectl asks for it by itself; no CRD can ask for it in every client's name."""
    obj = manifest("ModelVersion", gates={"metrics": []})
    assert "gates" not in create(api, namespace, obj, validation="Ignore")["spec"]


@pytest.fixture(scope="module")
def existing(api: cluster.Api, namespace: str) -> Iterator[dict[str, dict[str, Any]]]:
    """One paused ModelAlias and some ModelVersions without pods, by name."""
    made = [
        manifest("ModelVersion", "plain"),
        manifest("ModelVersion", "sourced", source="s3://bucket/a"),
        manifest("ModelVersion", "placed", registry={"namespace": "one"}),
        manifest("ModelAlias", "plain", paused=True),
        manifest("ModelAlias", "placed", paused=True, registry={"namespace": "one"}),
    ]
    for obj in made:
        create(api, namespace, obj, dry_run=False)
    yield {f"{obj['kind']}/{obj['metadata']['name']}": obj for obj in made}
    for obj in made:
        api.delete(obj["kind"], namespace, obj["metadata"]["name"])


@pytest.mark.parametrize(
    ("where", "change", "field"),
    [
        pytest.param("ModelVersion/plain", {"model": "other"}, "model", id="a ModelVersion's model"),
        pytest.param("ModelVersion/plain", {"version": 2}, "version", id="its version"),
        pytest.param("ModelVersion/sourced", {"source": "s3://bucket/b"}, "source", id="its source"),
        pytest.param("ModelVersion/sourced", {"source": None}, "source", id="its source, removed"),
        pytest.param("ModelVersion/plain", {"source": "s3://bucket/a"}, "source", id="its source, added"),
        pytest.param(
            "ModelVersion/placed", {"registry": {"namespace": "two"}}, "registry.namespace", id="its registry"
        ),
        pytest.param("ModelVersion/placed", {"registry": None}, "registry.namespace", id="its registry, removed"),
        pytest.param("ModelVersion/placed", {"registry": {"namespace": None}}, "registry.namespace", id="emptied"),
        pytest.param("ModelVersion/plain", {"registry": {"namespace": "two"}}, "registry.namespace", id="added"),
        pytest.param("ModelAlias/plain", {"model": "other"}, "model", id="a ModelAlias's model"),
        pytest.param("ModelAlias/plain", {"alias": "other"}, "alias", id="its alias"),
        pytest.param(
            "ModelAlias/placed", {"registry": {"namespace": "two"}}, "registry.namespace", id="an alias's registry"
        ),
        pytest.param("ModelAlias/placed", {"registry": None}, "registry.namespace", id="an alias's registry, removed"),
        pytest.param("ModelAlias/plain", {"registry": {"namespace": "two"}}, "registry.namespace", id="and added"),
    ],
)
def test_an_immutable_field_cannot_change_appear_or_vanish(
    api: cluster.Api, namespace: str, existing: dict[str, Any], where: str, change: dict[str, Any], field: str
) -> None:
    kind, name = where.split("/")
    with pytest.raises(cluster.Refused) as refused:
        api.patch(kind, namespace, name, {"spec": change})
    assert f"spec.{field} cannot be changed: delete this object and create another" in str(refused.value)


@pytest.mark.parametrize(
    ("where", "change"),
    [
        pytest.param("ModelVersion/placed", {"runtime": {"workers": 3}}, id="a ModelVersion's runtime"),
        pytest.param("ModelVersion/plain", {"registry": {}}, id="an empty registry, which means none"),
        pytest.param("ModelAlias/plain", {"version": 3}, id="a pin"),
        pytest.param("ModelAlias/plain", {"version": None}, id="no pin"),
        pytest.param("ModelAlias/plain", {"template": {"runtime": {"workers": 3}}}, id="a template"),
    ],
)
def test_what_is_no_identity_can_change(
    api: cluster.Api, namespace: str, existing: dict[str, Any], where: str, change: dict[str, Any]
) -> None:
    kind, name = where.split("/")
    changed = api.patch(kind, namespace, name, {"spec": change})["spec"]
    assert merged(changed, change) == changed
