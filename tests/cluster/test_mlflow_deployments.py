"""`mlflow deployments … -t podium`, as its users type it and as their programs call it."""

import ast
import collections.abc
import dataclasses
import json
import pathlib
import time
import typing

import pandas
import pytest
import yaml
from mlflow import deployments, exceptions

from podium import errors
from podium.registry import store
from tests.support import cluster as support
from tests.support import commands, installed, models
from tests.support import site as sites

ROWS = [[5.1, 3.5, 1.4, 0.2]]


@dataclasses.dataclass(frozen=True)
class User:
    """Somebody with a kubeconfig, MLflow and the plugin."""

    environment: dict[str, str]
    target: str
    folder: pathlib.Path

    def run(self, *arguments: str, status: int = 0) -> str:
        """What the command printed; its error output where it is to fail."""
        return commands.mlflow(
            "deployments",
            *arguments,
            f"--target={self.target}",
            environment=commands.environment(self.environment),
            cwd=self.folder,
            status=status,
        )

    def get(self, name: str) -> dict[str, str]:
        """The lines of `get` by their key."""
        lines = self.run("get", "--name", name).strip().splitlines()
        return dict(line.split(": ", 1) for line in lines)

    def predict(self, name: str) -> typing.Any:
        """What the deployment answers to a file of input."""
        (self.folder / "rows.json").write_text(json.dumps(ROWS))
        return json.loads(self.run("predict", "--name", name, "--input-path", "rows.json").splitlines()[-1])


def settings(image: str | None, host: str = "") -> dict[str, typing.Any]:
    """A deployment of a test: one pod that asks for little, as `-C` has it."""
    template = models.template(image)
    keys = {
        "replicas": template["replicas"],
        "runtime.workers": 1,
        "runtime.env": json.dumps(template["runtime"]["env"]),
        "storage.endpoint": template["storage"]["endpoint"],
        "storage.secretName": template["storage"]["secretName"],
        "resources": json.dumps(template["resources"]),
        "puller.resources": json.dumps(template["puller"]["resources"]),
        "probes.readiness.periodSeconds": 1,
    }
    keys |= {"runtime.image": image} if image else {}
    return keys | ({"ingress.className": "nginx", "ingress.host": host} if host else {})


def options(config: collections.abc.Mapping[str, typing.Any]) -> list[str]:
    return [part for key, value in config.items() for part in ("-C", f"{key}={value}")]


@pytest.fixture
def user(
    cluster: installed.Cluster, podium: installed.Podium, namespace: support.Namespace, tmp_path: pathlib.Path
) -> User:
    address = cluster.ingress.partition("://")[2]
    target = f"podium://{namespace.name}?context={cluster.target.context}&ingress={address}"
    return User({"KUBECONFIG": str(cluster.target.kubeconfig)}, target, tmp_path)


@pytest.fixture
def client(user: User, monkeypatch: pytest.MonkeyPatch) -> typing.Any:
    """The same in this process."""
    monkeypatch.setenv("KUBECONFIG", user.environment["KUBECONFIG"])
    return deployments.get_deploy_client(user.target)


def test_a_deployment_is_made_asked_changed_listed_and_deleted_by_the_command(
    user: User, client: typing.Any, site: sites.Site, model: models.NewModel, registry: store.Registry
) -> None:
    served = model()
    served.set_alias("champion", served.add())
    served.add()
    host = site.host("iris")
    made = user.run(
        "create", "--name", "iris", "-m", f"models:/{served.name}@champion", *options(settings(site.image, host))
    )
    assert "python_function deployment iris is created" in made
    assert user.predict("iris") == {"predictions": [1]}

    changed = user.run("update", "--name", "iris", "-m", f"models:/{served.name}/2", "-C", "rollout.overlap=0s")
    assert "Deployment iris is updated" in changed
    assert client.predict("iris", ROWS) == {"predictions": [2]}
    assert registry.aliases.fresh(served.name, "champion").number == 2  # a pin moves the alias too

    shown = user.get("iris")
    assert (shown["served_version"], shown["pinned_version"], shown["ready"]) == ("2", "2", "True")
    assert shown["url"] == f"http://{host}/invocations"
    assert ast.literal_eval(shown["conditions"])["Ready"] == "True: Served: version 2 is served"
    [listed] = ast.literal_eval(user.run("list").partition("\n")[2])
    assert (listed["name"], listed["model_uri"]) == ("iris", f"models:/{served.name}@champion")

    user.run("delete", "--name", "iris")
    assert [site.namespace.list(kind) for kind in ("ModelAlias", "ModelVersion", "Service", "Ingress")] == [[]] * 4
    client.delete_deployment("iris")  # again, as MLflow asks


def test_a_version_is_deployed_without_an_ingress_and_asked_through_the_api_server(
    client: typing.Any, namespace: support.Namespace, model: models.NewModel
) -> None:
    served = model()
    version = served.add(models.real(1))
    made = client.create_deployment("one", f"models:/{served.name}/{version}", config=settings(None))
    assert (made["kind"], made["served_version"], made["ready"]) == ("ModelVersion", version, True)
    assert client.predict("one", pandas.DataFrame(ROWS)).get_predictions().values.tolist() == [[1]]
    with pytest.raises(exceptions.MlflowException, match=r"Failed to enforce|input|columns|shape") as refused:
        client.predict("one", {"dataframe_split": {"columns": ["a"], "data": [["x"]]}})
    assert refused.value.error_code == "INVALID_PARAMETER_VALUE"
    with pytest.raises(exceptions.MlflowException, match="is version 1 itself, which cannot be changed"):
        client.update_deployment("one", f"models:/{served.name}/2")
    again = client.update_deployment("one", config={"replicas": 2, "wait": 60})
    assert again["message"] == "2 of 2 pods are ready"
    client.delete_deployment("one")
    assert namespace.get("ModelVersion", "one") is None


def test_an_alias_is_pinned_and_followed_again_and_no_field_of_others_is_lost(
    client: typing.Any, site: sites.Site, model: models.NewModel
) -> None:
    served = model()
    served.set_alias("champion", served.add())
    served.add()
    uri = f"models:/{served.name}@champion"
    client.create_deployment("iris", uri, config=settings(site.image) | {"rollout.overlap": "0s"})
    site.namespace.apply(models.model_alias("iris", served.name) | {"spec": {"rollout": {"previous": {"delay": "5s"}}}})
    assert client.update_deployment("iris", f"models:/{served.name}/2")["pinned_version"] == 2
    with pytest.raises(errors.InUse, match="iris"):
        served.set_alias("champion", 1)
    assert client.update_deployment("iris", uri)["pinned_version"] is None
    served.set_alias("champion", 1)
    found = site.namespace.wait_served("iris", 1)
    assert found["spec"]["rollout"] == {
        **found["spec"]["rollout"],
        "overlap": "0s",
        "previous": {"delay": "5s"},
    }


def test_what_kubectl_has_made_is_listed_and_asked_but_what_it_has_set_stays(
    client: typing.Any, site: sites.Site, model: models.NewModel
) -> None:
    served = model()
    site.serve("iris", served, served.add())
    [listed] = client.list_deployments()
    assert (listed["name"], listed["served_version"]) == ("iris", 1)
    assert client.predict("iris", ROWS) == {"predictions": [1]}
    with pytest.raises(
        exceptions.MlflowException, match=rf'"{support.FIELD_MANAGER}".*replicas.*change it there'
    ) as caught:
        client.update_deployment("iris", config={"replicas": 3})
    assert caught.value.error_code == "RESOURCE_CONFLICT"
    assert client.update_deployment("iris", config={"rollout.previous.delay": "1s"})["ready"] is True


def test_what_cannot_be_served_is_raised_with_the_objects_own_sentence(
    user: User, client: typing.Any, namespace: support.Namespace, model: models.NewModel
) -> None:
    said = user.run("create", "--name", "nobody", "-m", "models:/no such model@champion", status=1)
    assert "ModelAlias nobody was written, but cannot be served as it is. ModelNotFound: " in said.splitlines()[-1]
    assert "no such model" in said.splitlines()[-1]
    served = model()
    served.add()
    for uri, reason in (
        (f"models:/{served.name}@champion", "AliasNotFound"),
        (f"models:/{served.name}/7", "VersionNotFound"),
    ):
        with pytest.raises(exceptions.MlflowException, match=reason) as caught:
            client.create_deployment(f"d-{reason.lower()}", uri)
        assert caught.value.error_code == "INVALID_PARAMETER_VALUE"
    client.create_deployment("later", f"models:/{served.name}@champion", config={"wait": "false"})
    assert {each["name"] for each in client.list_deployments()} == {
        "nobody",
        "d-aliasnotfound",
        "d-versionnotfound",
        "later",
    }


def test_gates_hold_a_deployment_back_and_nobody_waits_for_what_a_person_has_to_do(
    client: typing.Any, site: sites.Site, model: models.NewModel, registry: store.Registry
) -> None:
    for name, key, value, reason in (
        ("tagged", "gates.tags.approval_status", "approved", "GatesNotPassed"),
        ("approved", "gates.approval", "Manual", "AwaitingApproval"),
    ):
        served = model()
        served.set_alias("champion", served.add())
        begun = time.monotonic()
        with pytest.raises(exceptions.MlflowException, match=reason):
            client.create_deployment(
                name, f"models:/{served.name}@champion", config=settings(site.image) | {key: value}
            )
        assert time.monotonic() - begun < 30
        assert client.get_deployment(name)["served_version"] is None
        if name == "tagged":
            registry.versions.set_tag(served.name, 1, "approval_status", "approved")
            site.namespace.wait_served(name, 1)


def test_bad_input_is_refused_before_anything_is_made(
    client: typing.Any, namespace: support.Namespace, model: models.NewModel
) -> None:
    uri = "models:/iris@champion"
    refused = {
        "is not a valid name of a deployment": lambda: client.create_deployment("Iris", uri),
        "write at most 44": lambda: client.create_deployment("i" * 45, uri),
        "write models:/NAME@ALIAS": lambda: client.create_deployment("iris", "runs:/0123/model"),
        "did you mean 'replicas'": lambda: client.create_deployment("iris", uri, config={"replica": 1}),
        "write the URL": lambda: client.create_deployment("iris", uri, config={"storage.endpoint": "s3"}),
        "should be greater than or equal to 0": lambda: client.create_deployment("iris", uri, config={"replicas": -1}),
        "not by sklearn": lambda: client.create_deployment("iris", uri, flavor="sklearn"),
        "at its own URL": lambda: client.create_deployment("iris", uri, endpoint="e"),
        "there is no deployment 'iris'": lambda: client.update_deployment("iris"),
        "mlflow deployments list": lambda: client.get_deployment("iris"),
        "no deployment 'x/../y'": lambda: client.predict("x/../y", ROWS),
    }
    for sentence, call in refused.items():
        with pytest.raises(exceptions.MlflowException, match=sentence):
            call()
    assert client.list_deployments() == []
    missing = deployments.get_deploy_client(client.target_uri.replace(namespace.name, "no-such-namespace"))
    with pytest.raises(exceptions.MlflowException, match="kubectl create namespace no-such-namespace"):
        missing.create_deployment("iris", uri)


def test_a_name_that_is_taken_is_refused_for_either_kind(
    client: typing.Any, site: sites.Site, model: models.NewModel
) -> None:
    served = model()
    served.add()
    client.create_deployment("iris", f"models:/{served.name}@champion", config={"wait": "false", "replicas": 0})
    for uri in (f"models:/{served.name}@champion", f"models:/{served.name}/1"):
        with pytest.raises(exceptions.MlflowException, match="there is already a ModelAlias 'iris'") as caught:
            client.create_deployment("iris", uri)
        assert caught.value.error_code == "RESOURCE_ALREADY_EXISTS"


def test_a_wait_has_a_limit_and_says_what_is_still_awaited(
    client: typing.Any, site: sites.Site, model: models.NewModel
) -> None:
    served = model()
    served.set_alias("champion", served.add(models.light(answer=[1], load_seconds=60)))
    begun = time.monotonic()
    with pytest.raises(exceptions.MlflowException, match=r"not served after 12 s: .*0 of 1 pods") as caught:
        client.create_deployment("iris", f"models:/{served.name}@champion", config=settings(site.image) | {"wait": 12})
    assert time.monotonic() - begun < 40
    assert caught.value.error_code == "TEMPORARILY_UNAVAILABLE"


def test_a_missing_permission_is_named_and_those_that_are_documented_suffice(
    cluster: installed.Cluster,
    site: sites.Site,
    model: models.NewModel,
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: pathlib.Path,
) -> None:
    namespace, served = site.namespace, model()
    served.set_alias("champion", served.add())
    monkeypatch.setenv("KUBECONFIG", str(kubeconfig_of(cluster, namespace, "intern", tmp_path)))
    client = deployments.get_deploy_client("podium")

    def refused(call: collections.abc.Callable[[], object], sentence: str) -> None:
        with pytest.raises(exceptions.MlflowException, match=sentence) as caught:
            call()
        assert caught.value.error_code == "PERMISSION_DENIED"
        assert f"serviceaccount:{namespace.name}:intern" in str(caught.value)

    def create() -> dict[str, typing.Any]:
        config = settings(site.image)
        return dict(client.create_deployment("iris", f"models:/{served.name}@champion", config=config))

    kinds = ["modelaliases", "modelversions"]
    refused(create, 'cannot list resource "modelaliases"')
    allow(namespace, "intern", kinds, ["list"])
    refused(create, 'cannot patch resource "modelaliases"')
    allow(namespace, "intern", kinds, ["list", "create", "patch", "delete"])
    assert create()["ready"] is True
    refused(lambda: client.predict("iris", ROWS), 'cannot create resource "services/proxy"')
    allow(namespace, "intern", ["services/proxy"], ["create"])
    assert client.predict("iris", ROWS) == {"predictions": [1]}
    assert client.update_deployment("iris", config={"paused": "true"})["name"] == "iris"
    client.delete_deployment("iris")
    assert client.list_deployments() == []


def allow(namespace: support.Namespace, account: str, kinds: list[str], verbs: list[str]) -> None:
    """Lets a ServiceAccount do this, as well as what it may already, and waits until the API server knows."""
    base = f"/apis/rbac.authorization.k8s.io/v1/namespaces/{namespace.name}"
    name = f"{account}-{'-'.join(verbs)}-{kinds[0].partition('/')[0]}"
    rules = [{"apiGroups": ["podium.dev", ""], "resources": kinds, "verbs": verbs}]
    namespace.api.raw("POST", f"{base}/roles", json={"metadata": {"name": name}, "rules": rules})
    role = {"apiGroup": "rbac.authorization.k8s.io", "kind": "Role", "name": name}
    subject = {"kind": "ServiceAccount", "name": account, "namespace": namespace.name}
    binding = {"metadata": {"name": name}, "roleRef": role, "subjects": [subject]}
    namespace.api.raw("POST", f"{base}/rolebindings", json=binding)
    resource, _, subresource = kinds[-1].partition("/")
    asked = {
        "namespace": namespace.name,
        "verb": verbs[-1],
        "group": "" if subresource else "podium.dev",
        "resource": resource,
        "subresource": subresource,
    }
    user = f"system:serviceaccount:{namespace.name}:{account}"
    review = {"spec": {"user": user, "resourceAttributes": asked}}
    path = "/apis/authorization.k8s.io/v1/subjectaccessreviews"
    support.wait_for("the rights", lambda: namespace.api.raw("POST", path, json=review)["status"]["allowed"])


def kubeconfig_of(
    cluster: installed.Cluster, namespace: support.Namespace, account: str, folder: pathlib.Path
) -> pathlib.Path:
    """The kubeconfig of a ServiceAccount that may do nothing, with the namespace as its own."""
    path = f"/api/v1/namespaces/{namespace.name}/serviceaccounts"
    namespace.api.raw("POST", path, json={"metadata": {"name": account}})
    token = namespace.api.raw("POST", f"{path}/{account}/token", json={"spec": {"expirationSeconds": 600}})
    admin = yaml.safe_load(cluster.target.kubeconfig.read_text())
    context = next(each["context"] for each in admin["contexts"] if each["name"] == cluster.target.context)
    file = folder / "kubeconfig"
    file.write_text(
        yaml.safe_dump(
            {
                "current-context": "own",
                "clusters": [each for each in admin["clusters"] if each["name"] == context["cluster"]],
                "users": [{"name": account, "user": {"token": token["status"]["token"]}}],
                "contexts": [
                    {
                        "name": "own",
                        "context": {"cluster": context["cluster"], "user": account, "namespace": namespace.name},
                    }
                ],
            }
        )
    )
    return file
