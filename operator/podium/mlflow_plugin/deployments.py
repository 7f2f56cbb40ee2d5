"""Deployments: ``mlflow deployments … -t podium``, MLflow's interface to what serves its models.

A deployment is a ModelAlias or a ModelVersion that stands by itself, whoever made it. Nothing but custom resources is
written, by server-side apply and without force: what Git or kubectl has set stays theirs.
"""

import functools
import time
from collections.abc import Callable, Mapping
from typing import Any, NoReturn, TypeVar

from mlflow import deployments as mlflow_deployments
from mlflow import exceptions
from mlflow.deployments import base
from mlflow.protos import databricks_pb2

from podium import errors, names
from podium.kube import objects, resources, session
from podium.manifest import Manifest
from podium.mlflow_plugin import deployment_calls, deployment_plan, deployment_status, translate

Method = TypeVar("Method", bound=Callable[..., Any])

POLL_SECONDS = 0.5
STUCK_SECONDS = 3.0
"""How long an object has to say that somebody must act: its first look at a registry may be older than the object."""
_TRIES = 5
_KINDS = (resources.MODEL_ALIASES, resources.MODEL_VERSIONS)
_NO_ENDPOINTS = (
    "Podium has no endpoints beside its deployments: each deployment answers at its own url; use --name instead of "
    "--endpoint"
)
_CODES: tuple[tuple[type[errors.KubeError], int], ...] = (
    (errors.KubeForbidden, databricks_pb2.PERMISSION_DENIED),
    (errors.KubeNotFound, databricks_pb2.RESOURCE_DOES_NOT_EXIST),
    (errors.KubeConflict, databricks_pb2.RESOURCE_CONFLICT),
    (errors.KubeInvalid, databricks_pb2.INVALID_PARAMETER_VALUE),
    (errors.KubeError, databricks_pb2.TEMPORARILY_UNAVAILABLE),
)


def _translated(method: Method) -> Method:
    """A method whose errors are MlflowExceptions."""

    @functools.wraps(method)
    def call(*args: Any, **kwargs: Any) -> Any:
        try:
            return method(*args, **kwargs)
        except errors.RegistryError as error:
            raise translate.exception(error) from error
        except errors.KubeError as error:
            code = next(code for kind, code in _CODES if isinstance(error, kind))
            raise exceptions.MlflowException(str(error), code) from error

    return call  # type: ignore[return-value]  # it has the method's signature


def _refused(sentence: str) -> Callable[..., NoReturn]:
    """A function that takes what MLflow gives it, and refuses."""

    def refuse(*_arguments: Any, **_named: Any) -> NoReturn:
        raise exceptions.MlflowException(sentence, databricks_pb2.NOT_IMPLEMENTED)

    return refuse


class PodiumDeploymentClient(base.BaseDeploymentClient):  # type: ignore[misc]  # MLflow has no types
    """Deployments in one namespace. `target_uri`: ``podium`` or ``podium://NAMESPACE[?context=NAME&ingress=ADDRESS]``.

    Every method raises MlflowException: INVALID_PARAMETER_VALUE with what to write, PERMISSION_DENIED with the missing
    permission, RESOURCE_DOES_NOT_EXIST, RESOURCE_ALREADY_EXISTS, RESOURCE_CONFLICT where another tool has set a field.
    """

    @_translated
    def __init__(self, target_uri: str) -> None:
        super().__init__(target_uri)
        self._target = deployment_plan.parse_target(target_uri)
        self._opened: objects.Objects | None = None

    @_translated
    def create_deployment(
        self,
        name: str,
        model_uri: str,
        flavor: str | None = None,
        config: Mapping[str, Any] | None = None,
        endpoint: str | None = None,
    ) -> dict[str, Any]:
        """Make a ModelAlias or a ModelVersion, wait until it is served, and give what `get_deployment` gives."""
        _check(flavor, endpoint)
        deployment_plan.check_name(name)
        model = deployment_plan.parse_model(model_uri)
        settings = deployment_plan.parse_config(model.kind, config)
        spec = deployment_plan.new_spec(model, settings)
        if existing := self._find(name):
            _refuse_existing(existing)
        made = self._apply(_manifest(model.kind, name, spec))
        if made["metadata"].get("generation") != 1:
            _refuse_existing(made)  # somebody was faster by a moment
        return deployment_status.describe(self._wait(made, settings.wait_seconds))

    @_translated
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
        _check(flavor, endpoint)
        model = deployment_plan.parse_model(model_uri) if model_uri else None
        changed, wait_seconds = self._change(name, model, config)
        return deployment_status.describe(self._wait(changed, wait_seconds))

    @_translated
    def delete_deployment(
        self, name: str, config: Mapping[str, Any] | None = None, endpoint: str | None = None
    ) -> None:
        """Delete a deployment with all that serves it, and wait until it is gone; one that is not there is fine."""
        _check(None, endpoint)
        found = self._find(name)
        kind = found["kind"] if found else names.MODEL_ALIAS_KIND
        settings = deployment_plan.parse_config(kind, config)
        if settings.values:
            raise errors.InvalidInput(f"the one key of -C for a deletion is {deployment_plan.WAIT}")
        if found:
            self._cluster.delete(resources.of(found), name, found["metadata"]["uid"])
            self._wait_gone(found, settings.wait_seconds)

    @_translated
    def list_deployments(self, endpoint: str | None = None) -> list[dict[str, Any]]:
        """Every deployment of the namespace, by name."""
        _check(None, endpoint)
        found = [obj for kind in _KINDS for obj in self._list(kind) if deployment_status.is_deployment(obj)]
        return sorted((deployment_status.describe(obj) for obj in found), key=lambda each: str(each["name"]))

    @_translated
    def get_deployment(self, name: str, endpoint: str | None = None) -> dict[str, Any]:
        """What is served, where, and in which condition."""
        _check(None, endpoint)
        return deployment_status.describe(self._get(name))

    @_translated
    def predict(
        self, deployment_name: str | None = None, inputs: Any = None, endpoint: str | None = None
    ) -> mlflow_deployments.PredictionsResponse:
        """Ask a deployment's model, through its ingress where it has one, else through the API server's proxy."""
        _check(None, endpoint)
        if not deployment_name:
            raise errors.InvalidInput("name the deployment: --name NAME")
        found = self._get(deployment_name)
        body = deployment_calls.body_of(inputs)
        text = deployment_calls.ask(self._cluster, found, body, self._target.ingress)
        return mlflow_deployments.PredictionsResponse.from_json(text)

    create_endpoint = update_endpoint = delete_endpoint = list_endpoints = get_endpoint = _refused(_NO_ENDPOINTS)

    @property
    def _cluster(self) -> objects.Objects:
        if self._opened is None:
            namespace = self._target.namespace or session.own_namespace(self._target.context)
            connection = session.Session.connect(self._target.context)
            self._opened = objects.Objects(connection, namespace, names.DEPLOYMENTS_FIELD_MANAGER)
        return self._opened

    def _list(self, resource: resources.Resource, name: str | None = None) -> list[Manifest]:
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

    def _find(self, name: str) -> Manifest | None:
        found = [obj for kind in _KINDS for obj in self._list(kind, name)]
        return next(filter(deployment_status.is_deployment, found), None)

    def _get(self, name: str) -> Manifest:
        if found := self._find(name):
            return found
        namespace = self._cluster.namespace
        message = f"there is no deployment {name!r} in namespace {namespace!r}: mlflow deployments list shows all"
        raise errors.KubeNotFound(404, "NotFound", message)

    def _apply(self, manifest: Manifest) -> Manifest:
        try:
            return self._cluster.apply(manifest)
        except errors.KubeNotFound as error:
            namespace = self._cluster.namespace
            message = f"namespace {namespace!r} does not exist: kubectl create namespace {namespace} ({error})"
            raise errors.KubeNotFound(error.status, error.reason, message) from error

    def _change(
        self, name: str, model: deployment_plan.Model | None, config: Mapping[str, Any] | None
    ) -> tuple[Manifest, float]:
        """The object as it is after the change, and how long to wait for what follows."""
        for attempt in range(_TRIES):
            found = self._get(name)
            kind = found["kind"]
            settings = deployment_plan.parse_config(kind, config)
            own = objects.owned_spec(found, names.DEPLOYMENTS_FIELD_MANAGER)
            spec = deployment_plan.changed_spec(kind, found["spec"], own, model, settings)
            manifest = _manifest(kind, name, spec, found["metadata"]["resourceVersion"])
            try:
                return self._apply(manifest), settings.wait_seconds
            except errors.KubeConflict as error:
                if attempt == _TRIES - 1 or "Apply failed with" in str(error):
                    raise errors.KubeConflict(error.status, error.reason, _conflict(error)) from error
        raise AssertionError("the last try returns or raises")

    def _wait(self, obj: Manifest, seconds: float) -> Manifest:
        """The object once it is ready. Raises MlflowException when it is not in time, or somebody must act first."""
        name, end, stuck_since = obj["metadata"]["name"], time.monotonic() + seconds, None
        while seconds:
            verdict, now = deployment_status.judge(obj), time.monotonic()
            if verdict.is_ready:
                break
            stuck_since = (stuck_since or now) if verdict.is_stuck else None
            if (stuck_since and now - stuck_since >= STUCK_SECONDS) or now > end:
                raise _unready(obj, verdict, seconds)
            time.sleep(POLL_SECONDS)
            obj = self._get(name)
        return obj

    def _wait_gone(self, obj: Manifest, seconds: float) -> None:
        name, uid, end = obj["metadata"]["name"], obj["metadata"]["uid"], time.monotonic() + seconds
        while seconds and any(each["metadata"]["uid"] == uid for each in self._list(resources.of(obj), name)):
            if time.monotonic() > end:
                raise exceptions.MlflowException(
                    f"{obj['kind']} {name} is being deleted, but is still there after {seconds:g} s: "
                    f"kubectl describe {obj['kind'].lower()} {name} --namespace {self._cluster.namespace}",
                    databricks_pb2.TEMPORARILY_UNAVAILABLE,
                )
            time.sleep(POLL_SECONDS)


run_local = _refused(
    "Podium deploys to a Kubernetes cluster only: to serve a model on this machine, mlflow models serve --model-uri URI"
)


def target_help() -> str:
    """What ``mlflow deployments help -t podium`` shows."""
    keys = {kind.kind: "\n".join(f"  {key}" for key in deployment_plan.known_keys(kind.kind)) for kind in _KINDS}
    return _HELP.format(alias_keys=keys[names.MODEL_ALIAS_KIND], version_keys=keys[names.MODEL_VERSION_KIND])


_HELP = """\
Podium serves registered models on Kubernetes.

Target URI
  podium                       the namespace of the kubeconfig's current context
  podium://NAMESPACE           another namespace
  ?context=NAME                another context of the kubeconfig
  ?ingress=ADDRESS             for predict: where the ingress controller answers, such as 127.0.0.1:8088, while no DNS
                               knows the deployment's host

Model URI
  models:/NAME@ALIAS           a ModelAlias: serves whichever version the alias designates
  models:/NAME/VERSION         a ModelVersion: serves this version. Of a ModelAlias, update pins the version, which
                               moves the alias too; models:/NAME@ALIAS follows the alias again

-C wait=true|false|SECONDS     until the deployment is served, or gone; true is 600 seconds

-C of a ModelAlias
{alias_keys}

-C of a ModelVersion
{version_keys}

Lists and whole groups are written as JSON, such as -C 'resources={{"requests": {{"cpu": "1"}}}}'; at update, KEY=
takes away what mlflow deployments has set. kubectl explain modelalias.spec and kubectl explain modelversion.spec
describe each field. Only what is named is set: what another tool has set stays its own.
"""


def _manifest(kind: str, name: str, spec: Manifest, resource_version: str = "") -> Manifest:
    metadata = {"name": name} | ({"resourceVersion": resource_version} if resource_version else {})
    return {"apiVersion": f"{names.GROUP}/{names.API_VERSION}", "kind": kind, "metadata": metadata, "spec": spec}


def _check(flavor: str | None, endpoint: str | None) -> None:
    if flavor not in (None, deployment_plan.FLAVOR):
        raise errors.InvalidInput(f"Podium serves every model by its flavor {deployment_plan.FLAVOR}, not by {flavor}")
    if endpoint:
        raise errors.InvalidInput(_NO_ENDPOINTS)


def _refuse_existing(existing: Manifest) -> NoReturn:
    name = existing["metadata"]["name"]
    raise errors.AlreadyExists(f"there is a {existing['kind']} {name!r} already: mlflow deployments update changes it")


def _conflict(error: errors.KubeConflict) -> str:
    return f"{error}. What another tool has set, such as kubectl or one that follows Git, is to be changed there"


def _unready(obj: Manifest, verdict: deployment_status.Verdict, seconds: float) -> exceptions.MlflowException:
    name, kind = obj["metadata"]["name"], obj["kind"]
    if verdict.is_stuck:
        return exceptions.MlflowException(
            f"{kind} {name} is there, but cannot be served as it is. {verdict.message}. It goes on by itself once that "
            f"is mended; mlflow deployments delete removes it",
            databricks_pb2.INVALID_PARAMETER_VALUE,
        )
    return exceptions.MlflowException(
        f"{kind} {name} is there, but not served after {seconds:g} s: {verdict.message}. It goes on; look with mlflow "
        f"deployments get, or wait longer with -C {deployment_plan.WAIT}=SECONDS",
        databricks_pb2.TEMPORARILY_UNAVAILABLE,
    )
