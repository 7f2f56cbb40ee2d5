"""Names of models as MLflow takes them: served like any other, with objects whose names are stable and never clash."""

import re
import uuid

import pytest

from podium import errors, names
from podium.registry import store
from podium.registry.storage import keys
from tests.support import cluster as support
from tests.support import models
from tests.support import site as sites

DNS_LABEL = re.compile(r"[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?")

NAMES = {
    "spaces": " Iris  classifier, 2nd try ",
    "Korean": "붓꽃 분류기",
    "3,000 characters": "긴" * 1500 + "x" * 1492,
    "signs": 'iris%20"quoted" \\ {{ $(PODIUM_MODEL_DIR) $$ }} <b>',
}


def test_models_of_any_name_are_served_and_their_aliases_move(site: sites.Site, model: models.NewModel) -> None:
    made = {f"iris-{number}": model(f"{name}{uuid.uuid4().hex[:8]}") for number, name in enumerate(NAMES.values())}
    assert max(len(served.name) for served in made.values()) == 3000
    for version in (1, 2):
        for name, served in made.items():
            served.set_alias("champion", served.add())
            site.apply(name, served.name)
        for name in made:
            found = site.wait_answers(name, version)
            assert support.conditions(found)["RegistrySynced"]["status"] == "True"
    revisions = site.namespace.list("ModelVersion")
    asked = sorted((each["spec"]["model"], each["spec"]["version"]) for each in revisions)
    assert asked == sorted((served.name, version) for served in made.values() for version in (1, 2))
    for kind in ("ModelVersion", "Deployment", "Service", "Pod"):
        for each in site.namespace.list(kind):
            assert DNS_LABEL.fullmatch(each["metadata"]["name"])


def test_twins_that_differ_in_case_or_in_unicode_form_are_models_of_their_own(
    site: sites.Site, model: models.NewModel
) -> None:
    unique = uuid.uuid4().hex[:8]
    twins = [model(f"{name} {unique}") for name in ("Iris", "iris", "caf\u00e9", "cafe\u0301")]
    assert len({twin.uid for twin in twins}) == len({keys.claim_name(twin.name) for twin in twins}) == 4
    for number, twin in enumerate(twins):
        twin.set_alias("champion", twin.add(models.light(answer=[number])))
        site.apply(f"twin-{number}", twin.name)
    for number in range(4):
        site.wait_answers(f"twin-{number}", 1)
        answer = support.ask(site.url, site.host(f"twin-{number}"))
        assert answer.json() == {"predictions": [number]}


def test_a_model_alias_that_is_created_again_finds_its_revision_under_the_same_name(
    site: sites.Site, model: models.NewModel
) -> None:
    served = model(f"이름 {uuid.uuid4().hex[:8]}")
    first = site.serve("iris", served, served.add())["status"]["served"]["name"]
    site.namespace.delete("ModelAlias", "iris", "Foreground")
    support.wait_for("the ModelAlias to be gone", lambda: site.namespace.get("ModelAlias", "iris") is None)
    site.apply("iris", served.name)
    assert site.wait_answers("iris", 1)["status"]["served"]["name"] == first


def test_a_model_alias_and_a_model_version_of_one_name_do_not_fight_over_its_objects(
    site: sites.Site, model: models.NewModel
) -> None:
    served = model()
    served.set_alias("champion", served.add())
    site.namespace.apply(models.model_version("iris", served.name, 1, site.image))
    site.namespace.wait_condition("ModelVersion", "iris", "Ready")
    before = site.namespace.get("Service", "iris")
    site.apply("iris", served.name)
    message = site.stalled("iris", names.NAME_TAKEN)
    assert f"Service {site.namespace.name}/iris is needed, but it belongs to ModelVersion iris: " in message
    assert "give this object another name" in message
    assert site.namespace.get("Service", "iris") == before


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("x" * 3001, "3001 characters; a registry takes at most 3000"),
        ("a/b", "Names cannot contain '/' or ':'"),
        ("..", "names must not resolve to others as paths do"),
        ("half \ud800", "contains a lone surrogate, which UTF-8 cannot encode"),
    ],
    ids=["more than 3,000 characters", "a slash", "a path", "half a character"],
)
def test_a_name_beyond_the_limits_is_refused_with_the_limit(registry: store.Registry, name: str, words: str) -> None:
    with pytest.raises(errors.InvalidInput, match=re.escape(words)):
        registry.models.create(name)
