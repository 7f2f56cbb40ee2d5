"""Groups hold what belongs to an object, and nothing for objects to which nothing belongs any more."""

from podium.engine import groups
from podium.kube import reflector

OLD, NEW = ("models", "iris-v1"), ("models", "iris-v2")


def test_what_belongs_to_an_object_is_found_until_it_goes_or_belongs_to_another() -> None:
    pods = groups.Groups[str](lambda owner: owner)
    pods.change(reflector.Change(("models", "a"), None, "iris-v1"))
    pods.change(reflector.Change(("models", "b"), None, "iris-v1"))
    assert set(pods.get(OLD)) == {"a", "b"}
    pods.change(reflector.Change(("models", "a"), "iris-v1", "iris-v2"))
    pods.change(reflector.Change(("models", "b"), "iris-v1", None))
    assert (set(pods.get(OLD)), set(pods.get(NEW))) == (set(), {"a"})


def test_a_thousand_objects_that_came_and_went_leave_nothing() -> None:
    pods = groups.Groups[str](lambda owner: owner)
    for number in range(1000):
        pods.change(reflector.Change(("models", "pod"), None, f"iris-v{number}"))
        pods.change(reflector.Change(("models", "pod"), f"iris-v{number}", None))
        assert not pods.get(("models", f"iris-v{number}"))
    assert len(pods) == 0
