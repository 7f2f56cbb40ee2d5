"""Deployments: ``mlflow deployments … -t podium``, MLflow's interface to what serves its models.

A deployment is a ModelAlias, or a ModelVersion that no ModelAlias owns, whoever made it. The client writes custom
resources only, by server-side apply without force: fields that Git or kubectl has set stay as they are.

Predictions go through the deployment's ingress or through the API server. A proxy answers for a moment without the
model, or with an error of its own, after anything changed. The model's server marks each of its answers, so an answer
without the mark did not come from a model, and the request may be sent again.
"""

import functools
import json
import time
import urllib.parse
from collections.abc import Callable, Mapping
from typing import Any, NoReturn, TypeVar

import urllib3
import urllib3.exceptions
from mlflow import deployments as mlflow_deployments
from mlflow import exceptions
from mlflow.deployments import base
from mlflow.protos import databricks_pb2
from mlflow.utils import proto_json_utils

from podium import errors, names
from podium.kube import objects, resources, session
from podium.manifest import Manifest
from podium.mlflow_plugin import calls, manifests

Method = TypeVar("Method", bound=Callable[..., Any])

POLL_SECONDS = 0.5
STUCK_SECONDS = 3.0
"""How long an object must say that somebody has to act: the operator's first look may be older than the object."""
REQUEST_SECONDS = 60.0
PROXY_SECONDS = 15.0
"""How long a proxy may answer without the model: it does so for a moment after anything has changed."""
_PROXY_PAUSE_SECONDS = 0.3
_WHOLE = {"inputs", "instances", "dataframe_split", "dataframe_records"}
"""Keys of a body as MLflow's scoring server takes it."""
_TRIES = 5
_KINDS = (resources.MODEL_ALIASES, resources.MODEL_VERSIONS)
_NO_ENDPOINTS = (
    "Podium has no endpoints apart from its deployments: each deployment answers at its own URL; use --name instead of "
    "--endpoint"
)
_CODES: tuple[tuple[type[errors.KubeError], int], ...] = (
    (errors.KubeForbidden, databricks_pb2.PERMISSION_DENIED),
    (errors.KubeNotFound, databricks_pb2.RESOURCE_DOES_NOT_EXIST),
    (errors.KubeConflict, databricks_pb2.RESOURCE_CONFLICT),
    (errors.KubeInvalid, databricks_pb2.INVALID_PARAMETER_VALUE),
    (errors.KubeError, databricks_pb2.TEMPORARILY_UNAVAILABLE),
)


def _translate_errors(method: Method) -> Method:
    """A method whose errors are MlflowExceptions."""

    @functools.wraps(method)
    def call(*args: Any, **kwargs: Any) -> Any:
        try:
            return method(*args, **kwargs)
        except errors.RegistryError as error:
            raise calls.to_exception(error) from error
        except errors.KubeError as error:
            code = next(code for kind, code in _CODES if isinstance(error, kind))
            raise exceptions.MlflowException(str(error), code) from error

    return call  # type: ignore[return-value]  # it has the method's signature


def _build_refusal(sentence: str) -> Callable[..., NoReturn]:
    """A function that takes any arguments and raises with this sentence."""

    def refuse(*_arguments: Any, **_named: Any) -> NoReturn:
        raise exceptions.MlflowException(sentence, databricks_pb2.NOT_IMPLEMENTED)

    return refuse


class PodiumDeploymentClient(base.BaseDeploymentClient):  # type: ignore[misc]  # MLflow has no types
    """Deployments in one namespace. `target_uri`: ``podium`` or ``podium://NAMESPACE[?context=NAME&ingress=ADDRESS]``.

    Every method raises MlflowException: INVALID_PARAMETER_VALUE with what to write, PERMISSION_DENIED with the missing
    permission, RESOURCE_DOES_NOT_EXIST, RESOURCE_ALREADY_EXISTS, RESOURCE_CONFLICT where another tool has set a field.
    """

    @_translate_errors
    def __init__(self, target_uri: str) -> None:
        super().__init__(target_uri)
        self._target = manifests.parse_target(target_uri)
        self._opened: objects.Objects | None = None

    @_translate_errors
    def create_deployment(
        self,
        name: str,
        model_uri: str,
        flavor: str | None = None,
        config: Mapping[str, Any] | None = None,
        endpoint: str | None = None,
    ) -> dict[str, Any]:
        """Make a ModelAlias or a ModelVersion, wait until it is served, and give what `get_deployment` gives."""
        _check_arguments(flavor, endpoint)
        manifests.check_name(name)
        model = manifests.parse_model(model_uri)
        settings = manifests.parse_config(model.kind, config)
        spec = manifests.new_spec(model, settings)
        if existing := self._find_object(name):
            _refuse_existing(existing)
        made = self._apply_manifest(_build_manifest(model.kind, name, spec))
        if made["metadata"].get("generation") != 1:
            _refuse_existing(made)  # somebody was faster by a moment
        return manifests.describe(self._wait_until_ready(made, settings.wait_seconds))

    @_translate_errors
    def update_deployment(
        self,
        name: str,
        model_uri: str | None = None,
        flavor: str | None = None,
        config: Mapping[str, Any] | None = None,
        endpoint: str | None = None,
    ) -> dict[str, Any]:
        """Change what `config` names, or which version is served, and wait until that is so.

        Of a ModelAlias ``models:/NAME/VERSION`` pins the version and moves the alias, ``models:/NAME@ALIAS`` follows
        the alias again. A ModelVersion is one version for good.
        """
        _check_arguments(flavor, endpoint)
        model = manifests.parse_model(model_uri) if model_uri else None
        changed, wait_seconds = self._apply_change(name, model, config)
        return manifests.describe(self._wait_until_ready(changed, wait_seconds))

    @_translate_errors
    def delete_deployment(
        self, name: str, config: Mapping[str, Any] | None = None, endpoint: str | None = None
    ) -> None:
        """Delete a deployment with everything that serves it, and wait until it is gone; a missing one is no error."""
        _check_arguments(None, endpoint)
        found = self._find_object(name)
        kind = found["kind"] if found else names.MODEL_ALIAS_KIND
        settings = manifests.parse_config(kind, config)
        if settings.values:
            raise errors.InvalidInput(f"the only key of -C for a deletion is {manifests.WAIT}")
        if found:
            self._cluster.delete(resources.of(found), name, found["metadata"]["uid"])
            self._wait_until_gone(found, settings.wait_seconds)

    @_translate_errors
    def list_deployments(self, endpoint: str | None = None) -> list[dict[str, Any]]:
        """Every deployment of the namespace, by name."""
        _check_arguments(None, endpoint)
        found = [obj for kind in _KINDS for obj in self._list_objects(kind) if manifests.is_deployment(obj)]
        return sorted((manifests.describe(obj) for obj in found), key=lambda each: str(each["name"]))

    @_translate_errors
    def get_deployment(self, name: str, endpoint: str | None = None) -> dict[str, Any]:
        """What is served, where, and in what condition."""
        _check_arguments(None, endpoint)
        return manifests.describe(self._get_object(name))

    @_translate_errors
    def predict(
        self, deployment_name: str | None = None, inputs: Any = None, endpoint: str | None = None
    ) -> mlflow_deployments.PredictionsResponse:
        """Ask a deployment's model: through its ingress if it has one, else through the API server's proxy."""
        _check_arguments(None, endpoint)
        if not deployment_name:
            raise errors.InvalidInput("no deployment is named: add --name NAME")
        found = self._get_object(deployment_name)
        body = build_body(inputs)
        text = ask_model(self._cluster, found, body, self._target.ingress)
        return mlflow_deployments.PredictionsResponse.from_json(text)

    create_endpoint = update_endpoint = delete_endpoint = list_endpoints = get_endpoint = _build_refusal(_NO_ENDPOINTS)

    @property
    def _cluster(self) -> objects.Objects:
        if self._opened is None:
            namespace = self._target.namespace or session.own_namespace(self._target.context)
            connection = session.Session.connect(self._target.context)
            self._opened = objects.Objects(connection, namespace, names.DEPLOYMENTS_FIELD_MANAGER)
        return self._opened

    def _list_objects(self, resource: resources.Resource, name: str | None = None) -> list[Manifest]:
        """The objects of a kind, or the one with this name."""
        try:
            if name is None:
                return self._cluster.list(resource)
            found = self._cluster.find(resource, name)
        except errors.KubeNotFound as error:
            raise errors.KubeNotFound(
                error.status,
                error.reason,
                f"the cluster knows no {resource.kind}: install Podium's chart with its CRDs, or name another context "
                f"({error})",
            ) from error
        return [found] if found else []

    def _find_object(self, name: str) -> Manifest | None:
        found = [obj for kind in _KINDS for obj in self._list_objects(kind, name)]
        return next(filter(manifests.is_deployment, found), None)

    def _get_object(self, name: str) -> Manifest:
        if found := self._find_object(name):
            return found
        namespace = self._cluster.namespace
        message = f"there is no deployment {name!r} in namespace {namespace!r}: mlflow deployments list shows them all"
        raise errors.KubeNotFound(404, "NotFound", message)

    def _apply_manifest(self, manifest: Manifest) -> Manifest:
        try:
            return self._cluster.apply(manifest)
        except errors.KubeNotFound as error:
            namespace = self._cluster.namespace
            message = f"namespace {namespace!r} does not exist: kubectl create namespace {namespace} ({error})"
            raise errors.KubeNotFound(error.status, error.reason, message) from error

    def _apply_change(
        self, name: str, model: manifests.Model | None, config: Mapping[str, Any] | None
    ) -> tuple[Manifest, float]:
        """The object after the change, and how long to wait until it is served."""
        for attempt in range(_TRIES):
            found = self._get_object(name)
            kind = found["kind"]
            settings = manifests.parse_config(kind, config)
            own = objects.owned_spec(found, names.DEPLOYMENTS_FIELD_MANAGER)
            spec = manifests.changed_spec(kind, found["spec"], own, model, settings)
            manifest = _build_manifest(kind, name, spec, found["metadata"]["resourceVersion"])
            try:
                return self._apply_manifest(manifest), settings.wait_seconds
            except errors.KubeConflict as error:
                if attempt == _TRIES - 1 or "Apply failed with" in str(error):
                    raise errors.KubeConflict(error.status, error.reason, _explain_conflict(error)) from error
        raise AssertionError("the last try returns or raises")

    def _wait_until_ready(self, obj: Manifest, seconds: float) -> Manifest:
        """The object once it is ready. Raises MlflowException if time runs out or somebody must act first."""
        name, end, stuck_since = obj["metadata"]["name"], time.monotonic() + seconds, None
        while seconds:
            verdict, now = manifests.judge(obj), time.monotonic()
            if verdict.is_ready:
                break
            stuck_since = (stuck_since or now) if verdict.is_stuck else None
            if (stuck_since and now - stuck_since >= STUCK_SECONDS) or now > end:
                raise _build_timeout(obj, verdict, seconds)
            time.sleep(POLL_SECONDS)
            obj = self._get_object(name)
        return obj

    def _wait_until_gone(self, obj: Manifest, seconds: float) -> None:
        name, uid, end = obj["metadata"]["name"], obj["metadata"]["uid"], time.monotonic() + seconds
        while seconds and any(each["metadata"]["uid"] == uid for each in self._list_objects(resources.of(obj), name)):
            if time.monotonic() > end:
                raise exceptions.MlflowException(
                    f"{obj['kind']} {name} is being deleted, but is still there after {seconds:g} s: "
                    f"kubectl describe {obj['kind'].lower()} {name} --namespace {self._cluster.namespace}",
                    databricks_pb2.TEMPORARILY_UNAVAILABLE,
                )
            time.sleep(POLL_SECONDS)


run_local = _build_refusal(
    "Podium deploys to a Kubernetes cluster only: to serve a model on this machine, mlflow models serve --model-uri URI"
)


def target_help() -> str:
    """What ``mlflow deployments help -t podium`` shows."""
    keys = {kind.kind: "\n".join(f"  {key}" for key in manifests.known_keys(kind.kind)) for kind in _KINDS}
    return _HELP.format(alias_keys=keys[names.MODEL_ALIAS_KIND], version_keys=keys[names.MODEL_VERSION_KIND])


_HELP = """\
Podium serves registered models on Kubernetes.

Target URI
  podium                       the namespace of the kubeconfig's current context
  podium://NAMESPACE           another namespace
  ?context=NAME                another context of the kubeconfig
  ?ingress=ADDRESS             for predict: where the ingress controller answers, such as 127.0.0.1:8088, if DNS does
                               not know the deployment's host

Model URI
  models:/NAME@ALIAS           a ModelAlias: serves whichever version the alias designates
  models:/NAME/VERSION         a ModelVersion: serves this version. Updating a ModelAlias to it pins the version
                               and moves the alias; models:/NAME@ALIAS follows the alias again

-C wait=true|false|SECONDS     until the deployment is served, or gone; true is 600 seconds

-C of a ModelAlias
{alias_keys}

-C of a ModelVersion
{version_keys}

Write lists and whole groups as JSON, such as -C 'resources={{"requests": {{"cpu": "1"}}}}'. KEY= in an update removes
what mlflow deployments has set. kubectl explain modelalias.spec and kubectl explain modelversion.spec describe each
field. Fields that you do not name are left alone, whichever tool has set them.
"""


def _build_manifest(kind: str, name: str, spec: Manifest, resource_version: str = "") -> Manifest:
    metadata = {"name": name} | ({"resourceVersion": resource_version} if resource_version else {})
    return {"apiVersion": f"{names.GROUP}/{names.API_VERSION}", "kind": kind, "metadata": metadata, "spec": spec}


def _check_arguments(flavor: str | None, endpoint: str | None) -> None:
    if flavor not in (None, manifests.FLAVOR):
        raise errors.InvalidInput(f"Podium serves every model by its flavor {manifests.FLAVOR}, not by {flavor}")
    if endpoint:
        raise errors.InvalidInput(_NO_ENDPOINTS)


def _refuse_existing(existing: Manifest) -> NoReturn:
    name = existing["metadata"]["name"]
    raise errors.AlreadyExists(f"there is already a {existing['kind']} {name!r}: mlflow deployments update changes it")


def _explain_conflict(error: errors.KubeConflict) -> str:
    return f"{error}. Another tool has set this field, such as kubectl or one that follows Git: change it there"


def _build_timeout(obj: Manifest, verdict: manifests.Verdict, seconds: float) -> exceptions.MlflowException:
    name, kind = obj["metadata"]["name"], obj["kind"]
    if verdict.is_stuck:
        return exceptions.MlflowException(
            f"{kind} {name} was written, but cannot be served as it is. {verdict.message}. It goes on by itself once "
            f"that is fixed; mlflow deployments delete removes it",
            databricks_pb2.INVALID_PARAMETER_VALUE,
        )
    return exceptions.MlflowException(
        f"{kind} {name} was written, but is not served after {seconds:g} s: {verdict.message}. It goes on: look with "
        f"mlflow deployments get, or wait longer with -C {manifests.WAIT}=SECONDS",
        databricks_pb2.TEMPORARILY_UNAVAILABLE,
    )


# Requests to a deployed model


def build_body(inputs: Any) -> Manifest:
    """The body of a request from a table, an array or a list; a dictionary is a whole body or the inputs by name."""
    if isinstance(inputs, dict):
        return inputs if _WHOLE & inputs.keys() else {"inputs": _convert_arrays(inputs)}
    text = proto_json_utils.dump_input_data(inputs)
    parsed = json.loads(text)
    if not isinstance(parsed, dict):
        raise errors.InvalidInput("write the inputs of a deployment as a table, an array, a list or a dictionary")
    return parsed


def _convert_arrays(inputs: Manifest) -> Manifest:
    """Arrays as lists."""
    return {key: value.tolist() if hasattr(value, "tolist") else value for key, value in inputs.items()}


def ask_model(cluster: objects.Objects, obj: Manifest, body: Manifest, ingress: str | None) -> str:
    """The text that the deployment's model answered.

    `ingress` is the address of the ingress controller; None: the host's own by DNS. Raises KubeError for a failure on
    the way, InvalidInput for what the model refuses, and MlflowException (INTERNAL_ERROR) where the model failed.
    """
    if manifests.has_ingress(obj):
        return _ask_through_ingress(manifests.find_url(obj), body, ingress)
    return json.dumps(_ask_through_api_server(cluster, obj["metadata"]["name"], body))


def _ask_through_api_server(cluster: objects.Objects, name: str, body: Manifest) -> Manifest:
    end = time.monotonic() + PROXY_SECONDS
    while True:
        try:
            return cluster.post(f"{name}:http", names.INVOCATIONS_PATH, body, REQUEST_SECONDS)
        except errors.KubeUnavailable as error:
            if error.status in {500, 504} and not error.reason:  # the API server gives a reason for its own
                raise _build_refusal_of_model(error.status, error.message) from error
            if error.status != 503 or time.monotonic() > end:
                raise
        time.sleep(_PROXY_PAUSE_SECONDS)


def _ask_through_ingress(url: str, body: Manifest, address: str | None) -> str:
    end = time.monotonic() + PROXY_SECONDS
    while True:
        answer = _post_body(url, body, address)
        text = answer.data.decode("utf-8", "replace")
        if names.MODEL_VERSION_HEADER in answer.headers:
            if answer.status < 300:
                return text
            raise _build_refusal_of_model(answer.status, _extract_message(text))
        if time.monotonic() > end:
            raise errors.KubeUnavailable(
                answer.status,
                "NoModel",
                f"{url}: not the model answered but a proxy in front of it, with status {answer.status}: {text[:200]}",
            )
        time.sleep(_PROXY_PAUSE_SECONDS)


def _build_refusal_of_model(status: int, message: str) -> Exception:
    sentence = f"the model answered {status}: {message}"
    if status < 500:
        return errors.InvalidInput(sentence)
    failure: Exception = exceptions.MlflowException(sentence, databricks_pb2.INTERNAL_ERROR)
    return failure


def _post_body(url: str, body: Manifest, address: str | None) -> urllib3.BaseHTTPResponse:
    parts = urllib.parse.urlsplit(url)
    options: dict[str, Any] = {}
    target = url
    if address:
        if parts.scheme == "https":
            options = {"server_hostname": parts.hostname, "assert_hostname": parts.hostname}
        host = address.partition("://")[2] or address
        target = urllib.parse.urlunsplit((parts.scheme, host.rstrip("/"), parts.path, parts.query, ""))
    with urllib3.PoolManager(timeout=REQUEST_SECONDS, retries=False, **options) as pool:
        try:
            headers = {"Host": parts.netloc, "Content-Type": "application/json"}
            return pool.request("POST", target, body=json.dumps(body), headers=headers)
        except urllib3.exceptions.HTTPError as error:
            hint = f"; if DNS does not know {parts.hostname!r} here, name the ingress controller: podium://…?ingress=ADDRESS"
            raise errors.KubeUnavailable(0, "Unreachable", f"{target}: {error}{hint}") from error


def _extract_message(text: str) -> str:
    """The message of a scoring server's error, else all of it."""
    try:
        return str(json.loads(text)["message"])
    except (ValueError, KeyError, TypeError):
        return text[:500]
