"""An artifact that cannot be had: S3's exact error, the URI and what to grant; the old version serves, and it heals."""

import dataclasses
import uuid

import pytest

from demo import kubectl as kubectl_program
from podium import names
from tests.support import cluster as support
from tests.support import installed, models
from tests.support import site as sites

HASTY = {"retries": 0, "resources": models.template()["puller"]["resources"]}
"""What the puller does itself before it reports; the kubelet then starts it again, with a back-off."""


@dataclasses.dataclass(frozen=True)
class Keys:
    """A pair of keys for S3."""

    access: str
    secret: str

    def secret_manifest(self, name: str) -> support.Manifest:
        data = {"AWS_ACCESS_KEY_ID": self.access, "AWS_SECRET_ACCESS_KEY": self.secret}
        return {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": name}, "stringData": data}


@pytest.fixture(scope="module")
def guest(kubectl: kubectl_program.Kubectl) -> Keys:
    """Keys of somebody whom S3 knows and who may list nothing of ours."""
    command = "s3.configure -user guest -access_key guest -secret_key guest-secret -actions List -buckets none -apply\n"
    where = ("exec", "--namespace=podium-system", "--stdin", "deployment/s3", "--", "/weed", "shell")
    kubectl.run(*where, text=command)
    return Keys("guest", "guest-secret")


def storage(**fields: str) -> support.Manifest:
    """The template's storage with other fields."""
    return models.template()["storage"] | fields


def wait_refused(site: sites.Site, version: int, reason: str) -> str:
    """Waits until the revision's artifact is refused and the alias says so in the same words; returns them."""
    message = site.stalled("iris", reason)
    condition = support.conditions(site.revision(version))[names.ARTIFACT_READY]
    assert (condition["status"], condition["reason"]) == ("False", reason)
    assert condition["message"] in message
    return message


def test_a_bucket_that_does_not_exist_is_told_in_s3s_words(site: sites.Site, model: models.NewModel) -> None:
    served = model()
    site.serve("iris", served, served.add(), template={"puller": HASTY})
    with site.undisturbed("iris", 1):
        served.set_alias("champion", served.add(source="s3://no-such-bucket/iris/2"))
        message = wait_refused(site, 2, "NoSuchBucket")
        assert "s3://no-such-bucket/iris/2/: NoSuchBucket: " in message
        assert "(ListObjectsV2, HTTP 404)" in message
        assert "register a version with the location where that is" in message


def test_an_artifact_that_is_not_there_is_tried_again_until_it_appears(
    site: sites.Site, model: models.NewModel, cluster: installed.Cluster
) -> None:
    served, prefix = model(), f"tests/late-{uuid.uuid4().hex[:8]}"
    uri = f"s3://{cluster.bucket.name}/{prefix}"
    site.serve("iris", served, served.add(), template={"puller": HASTY})
    with site.undisturbed("iris", 1):
        served.set_alias("champion", served.add(source=uri))
        assert f"nothing is stored below {uri}/: upload the model there" in wait_refused(site, 2, "NoSuchKey")
    assert cluster.bucket.upload(prefix, models.light(answer=["late"])) == uri
    site.wait_answers("iris", 2)


def test_objects_that_are_no_model_are_told_with_the_folder_that_is_one(
    site: sites.Site, model: models.NewModel, cluster: installed.Cluster
) -> None:
    served, prefix = model(), f"tests/nested-{uuid.uuid4().hex[:8]}"
    cluster.bucket.upload(f"{prefix}/model", models.light())
    uri = f"s3://{cluster.bucket.name}/{prefix}"
    served.set_alias("champion", served.add(source=uri))
    site.apply("iris", served.name)
    message = wait_refused(site, 1, "NotAModel")
    assert f"{uri}/ holds no MLmodel, so it is no MLflow model" in message
    assert f"did you mean {uri}/model ?" in message


DENIED = {
    "somebody who may not read it": (Keys("guest", "guest-secret"), "AccessDenied"),
    "an access key that S3 does not know": (Keys("nobody", "guest-secret"), "InvalidAccessKey"),
    "a secret key of another": (Keys("guest", "wrong"), "SignatureMismatch"),
}


@pytest.mark.parametrize(("keys", "reason"), DENIED.values(), ids=DENIED)
def test_a_denied_pull_is_told_with_what_to_grant_and_heals_with_the_secret(
    site: sites.Site, model: models.NewModel, cluster: installed.Cluster, guest: Keys, keys: Keys, reason: str
) -> None:
    served = model()
    site.serve("iris", served, served.add())
    site.namespace.apply(keys.secret_manifest("wrong-keys"))
    template = {"storage": storage(secretName="wrong-keys"), "puller": HASTY}
    with site.undisturbed("iris", 1):
        site.apply("iris", served.name, template=template)
        found = site.namespace.wait_condition("ModelAlias", "iris", "Stalled", reason=reason)
    message = support.conditions(found)["Stalled"]["message"]
    bucket, prefix = cluster.bucket.name, f"{served.prefix}/1/"
    arn = f"arn:aws:s3:::{bucket}"
    assert f"s3://{bucket}/{prefix}: " in message
    assert "(ListObjectsV2, HTTP 403)" in message
    advice = {
        "AccessDenied": f"grant s3:ListBucket on {arn} and s3:GetObject on {arn}/{prefix}*",
        "InvalidAccessKey": "correct AWS_ACCESS_KEY_ID in the Secret that storage names",
        "SignatureMismatch": "correct AWS_SECRET_ACCESS_KEY in the Secret that storage names",
    }
    assert advice[reason] in message


def test_an_endpoint_where_nobody_answers_is_told(site: sites.Site, model: models.NewModel) -> None:
    served = model()
    site.serve("iris", served, served.add())
    endpoint = "http://s3.podium-system.svc:9"
    with site.undisturbed("iris", 1):
        site.apply("iris", served.name, template={"storage": storage(endpoint=endpoint), "puller": HASTY})
        message = site.stalled("iris", "EndpointUnreachable")
    assert endpoint in message
    assert "correct storage.endpoint or the network" in message


def test_an_endpoint_that_does_not_speak_s3_is_told(
    site: sites.Site, model: models.NewModel, cluster: installed.Cluster
) -> None:
    served = model()
    served.set_alias("champion", served.add())
    endpoint = cluster.environment["PODIUM_INGRESS_FOR_PODS"]
    site.apply("iris", served.name, template={"storage": storage(endpoint=endpoint), "puller": HASTY})
    message = site.stalled("iris", "EndpointInvalid")
    assert "the server there does not speak S3; correct storage.endpoint" in message


def test_a_secret_that_is_missing_is_named_and_the_pod_starts_as_soon_as_it_is_there(
    site: sites.Site, model: models.NewModel, cluster: installed.Cluster
) -> None:
    served = model()
    site.serve("iris", served, served.add())
    with site.undisturbed("iris", 1):
        site.apply("iris", served.name, template={"storage": storage(secretName="forgotten")})
        message = site.stalled("iris", names.CONTAINER_CONFIG_INVALID)
        assert 'container puller: secret "forgotten" not found. Create what is missing in this namespace' in message
    bucket = cluster.bucket
    site.namespace.apply(Keys(bucket.access_key, bucket.secret_key).secret_manifest("forgotten"))
    site.wait_answers("iris", 1)


def test_credentials_that_are_named_nowhere_are_told_with_where_to_name_them(
    site: sites.Site, model: models.NewModel
) -> None:
    served = model()
    served.set_alias("champion", served.add())
    endpoint = models.template()["storage"]["endpoint"]
    site.apply("iris", served.name, template={"storage": {"endpoint": endpoint}, "puller": HASTY})
    message = wait_refused(site, 1, "CredentialsMissing")
    assert "name a Secret with AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY (or accesskey and secretkey)" in message
    assert "as storage.secretName" in message


def test_an_artifact_that_was_changed_after_its_first_pull_is_refused_and_the_old_pods_keep_serving(
    site: sites.Site, model: models.NewModel, cluster: installed.Cluster
) -> None:
    served = model()
    site.serve("iris", served, served.add(), template={"puller": HASTY})
    first = site.revision(1)["status"]["artifact"]["digest"]
    with site.undisturbed("iris", 1):
        cluster.bucket.upload(f"{served.prefix}/1", models.light(answer=["changed"]))
        site.apply("iris", served.name, template={"puller": HASTY, "replicas": 2})
        message = site.stalled("iris", "DigestMismatch")
        assert f"but {first} is recorded of this version: put the recorded artifact back" in message
        assert support.ask(site.url, site.host("iris")).json() == {"predictions": [1]}
        assert site.revision(1)["status"]["readyReplicas"] == 1
