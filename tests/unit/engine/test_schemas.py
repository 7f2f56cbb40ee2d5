"""CRDs that lack what the operator works with are told, and nothing waits for it."""

import copy
import typing

import pytest

from podium import errors, names
from podium.crdgen import definitions
from podium.engine import schemas
from podium.kube import client
from podium.manifest import Manifest


def build_served() -> dict[str, typing.Any]:
    """What an API server with the generated CRDs publishes."""
    return {
        f"dev.podium.{names.API_VERSION}.{crd['spec']['names']['kind']}": crd["spec"]["versions"][0]["schema"][
            "openAPIV3Schema"
        ]
        for crd in (definitions.model_version_crd(), definitions.model_alias_crd())
    }


class Api:
    def __init__(self, answer: dict[str, typing.Any] | errors.KubeError) -> None:
        self._answer = answer

    async def get_schemas(self, group: str, version: str) -> dict[str, typing.Any]:
        assert (group, version) == (names.GROUP, names.API_VERSION)
        if isinstance(self._answer, errors.KubeError):
            raise self._answer
        return self._answer


async def check(answer: dict[str, typing.Any] | errors.KubeError) -> list[str]:
    checked = schemas.SchemaCheck(typing.cast(client.Client, Api(answer)))
    await checked.run()
    return checked.failures()


async def test_of_the_generated_crds_nothing_is_missing() -> None:
    assert await check(build_served()) == []


async def test_a_field_of_a_newer_crd_is_no_matter() -> None:
    served = build_served()
    served[f"dev.podium.{names.API_VERSION}.ModelAlias"]["properties"]["spec"]["properties"]["new"] = {"type": "string"}
    assert await check(served) == []


async def test_an_older_crd_is_told_with_what_it_drops_and_what_to_do() -> None:
    served = build_served()
    alias = served[f"dev.podium.{names.API_VERSION}.ModelAlias"]["properties"]
    del alias["spec"]["properties"]["rollout"]["properties"]["overlap"]
    del alias["status"]["properties"]["history"]["items"]["properties"]["outcome"]
    [failure] = await check(served)
    assert failure == (
        "the CRD of ModelAlias is older than this operator and drops spec.rollout.overlap, status.history.outcome. "
        "What is served stays. Upgrade the CRDs: kubectl apply --server-side -f crds/, or the chart with "
        "crds.install=true"
    )


REFUSAL = "failed to create typed patch object (models/champion; podium.dev/v1beta1, Kind=ModelAlias): "
UNKNOWN = "field not declared in schema"


@pytest.mark.parametrize(
    ("said", "left"),
    [
        (f".status.a: {UNKNOWN}", {"b": {"c": 1}, "d": [{"e": 1, "f": 2}]}),
        (f"errors:\n  .status.a: {UNKNOWN}\n  .status.b.c: {UNKNOWN}", {"b": {}, "d": [{"e": 1, "f": 2}]}),
        (f'.status.d[k="a b.c"].e: {UNKNOWN}', {"a": 1, "b": {"c": 1}, "d": [{"f": 2}]}),
        (f".status.gone.x: {UNKNOWN}", {"a": 1, "b": {"c": 1}, "d": [{"e": 1, "f": 2}]}),
        (".status.a: expected string, got 1", {"a": 1, "b": {"c": 1}, "d": [{"e": 1, "f": 2}]}),
    ],
)
def test_what_a_crd_does_not_have_is_left_out_as_the_api_server_names_it(said: str, left: Manifest) -> None:
    manifest = {"kind": "ModelAlias", "status": {"a": 1, "b": {"c": 1}, "d": [{"e": 1, "f": 2}]}}
    before = copy.deepcopy(manifest)
    assert schemas.drop_undeclared(manifest, REFUSAL + said) == {"kind": "ModelAlias", "status": left}
    assert manifest == before


async def test_of_many_fields_the_first_are_named() -> None:
    served = build_served()
    del served[f"dev.podium.{names.API_VERSION}.ModelVersion"]["properties"]["status"]
    [failure] = await check(served)
    assert "status, status.artifact, status.artifact.bytes" in failure
    assert " more. What" in failure


@pytest.mark.parametrize(
    "answer", [{}, errors.KubeForbidden(403, "Forbidden", "no permission")], ids=["no such kinds", "refused"]
)
async def test_what_cannot_be_compared_is_no_failure(answer: dict[str, typing.Any] | errors.KubeError) -> None:
    assert await check(answer) == []
