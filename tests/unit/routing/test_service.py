"""The selector of the alias's Service, for one revision and for two."""

from podium import names
from podium.routing import routers, service

OWNER = {"name": "champion", "namespace": "models", "uid": "one"}


def test_one_revision_is_selected_by_its_name() -> None:
    assert service.build_selector(OWNER, routers.Split({"champion-v1-a": 1})) == {
        names.MODEL_ALIAS_NAME_LABEL: "champion",
        names.MODEL_VERSION_NAME_LABEL: "champion-v1-a",
    }


def test_two_are_selected_by_what_their_pods_have_in_common_and_a_shadow_has_not() -> None:
    for weights in ({"champion-v1-a": 1, "champion-v2-b": 1}, {"champion-v1-a": 99, "champion-v2-b": 1}):
        selector = service.build_selector(OWNER, routers.Split(weights))
        assert selector == {names.MODEL_ALIAS_NAME_LABEL: "champion", names.TRAFFIC_LABEL: names.TRAFFIC_LIVE}


def test_the_service_leads_from_port_80_to_the_port_where_the_pods_listen() -> None:
    [built] = service.ServiceRouter().build(OWNER, routers.Split({"champion-v1-a": 1}), 9000)
    [port] = built["spec"]["ports"]
    assert (port["port"], port["targetPort"]) == (80, 9000)
