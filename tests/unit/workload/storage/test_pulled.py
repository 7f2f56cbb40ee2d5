"""What every pulled artifact has: a volume of the pod's own, a puller, and the digest that each pull must bring."""

from podium import names
from podium.manifest import Manifest
from podium.workload.storage import delivery, pulled
from tests.unit.workload import factories


def build(access: pulled.Access | None = None) -> delivery.Parts:
    return pulled.build_parts("iris-v1", factories.spec(), factories.URI, "puller:1", access or pulled.Access())


def puller(parts: delivery.Parts) -> Manifest:
    (container,) = parts.init_containers
    return dict(container)


def test_the_digest_is_a_volume_that_need_not_be_there() -> None:
    digest = {"name": "digest", "configMap": {"name": "iris-v1-digest", "optional": True}}
    assert digest in build().init_volumes


def test_the_puller_fills_the_volume_that_the_server_may_only_read() -> None:
    parts = build()
    assert parts.volume == {"name": "model", "emptyDir": {}}
    assert parts.mount == {"name": "model", "mountPath": names.MODEL_DIR, "readOnly": True}
    mounts = {mount["name"]: mount for mount in puller(parts)["volumeMounts"]}
    assert mounts["model"] == {"name": "model", "mountPath": names.MODEL_DIR}
    assert mounts["digest"] == {"name": "digest", "mountPath": "/etc/podium/digest", "readOnly": True}


def test_what_a_store_needs_is_added_to_the_puller() -> None:
    access = pulled.Access(
        env={"TOKEN_FILE": "/t/$x"},
        secret_name="s",
        volumes=[{"name": "t", "emptyDir": {}}],
        mounts=[{"name": "t", "mountPath": "/t"}],
    )
    parts = build(access)
    assert {"name": "TOKEN_FILE", "value": "/t/$$x"} in puller(parts)["env"]
    assert puller(parts)["envFrom"] == [{"secretRef": {"name": "s"}}]
    assert {"name": "t", "mountPath": "/t"} in puller(parts)["volumeMounts"]
    assert {"name": "t", "emptyDir": {}} in parts.init_volumes


def test_without_a_secret_the_puller_has_no_variables_of_one() -> None:
    assert "envFrom" not in puller(build())


def test_the_puller_runs_its_program_of_its_image() -> None:
    container = puller(build())
    assert (container["name"], container["image"]) == ("puller", "puller:1")
    assert container["command"] == ["python3", "-m", "podium.puller"]
