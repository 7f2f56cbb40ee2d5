"""The list of a model's versions: what is in it, and what it finds by a tag."""

from hypothesis import given
from hypothesis import strategies as st

from podium.registry.model import entities, versionlist

TAGS = st.dictionaries(st.sampled_from("abc"), st.sampled_from(["", "x", "y"]))


@given(st.lists(TAGS, max_size=6), st.lists(st.tuples(st.sampled_from("abcd"), st.sampled_from(["", "x", "z"]))))
def test_versions_are_found_by_a_tag_as_by_a_look_at_each(
    tags: list[dict[str, str]], asked: list[tuple[str, str]]
) -> None:
    head = entities.Head("uid", "iris", last_version=len(tags))
    versions = {number: entities.Version("uid", number, "s3://b", tags=own) for number, own in enumerate(tags, 1)}
    found = versionlist.VersionList(head, versions)
    assert [version.number for _, version in found] == list(range(len(tags), 0, -1))
    for key, value in asked:
        assert list(found.tagged(key, value)) == [pair for pair in found if pair[1].tags.get(key) == value]


def test_searches_by_ever_other_keys_take_no_more_memory() -> None:
    head = entities.Head("uid", "iris", last_version=1)
    found = versionlist.VersionList(head, {1: entities.Version("uid", 1, "s3://b", tags={"a": "x"})})
    for number in range(10 * versionlist.KEYS_KEPT):
        assert not found.tagged(f"key-{number}", "x")
    assert len(found._by_tag) <= versionlist.KEYS_KEPT
    assert len(found.tagged("a", "x")) == 1
