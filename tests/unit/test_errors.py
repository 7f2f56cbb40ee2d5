"""The tree of errors: it is as its docstring draws it, and each error carries what its catchers need."""

import inspect
import re

import pytest

from podium import errors, names


def draw(kind: type[Exception]) -> list[tuple[int, str]]:
    """Depth and name of this error and of all below it, in the order in which they are defined."""
    below = [each for each in kind.__subclasses__() if each.__module__ == errors.__name__]
    return [(0, kind.__name__), *((depth + 1, name) for each in below for depth, name in draw(each))]


def test_the_tree_in_the_docstring_is_the_tree_of_the_classes() -> None:
    lines = re.findall(r"^    ((?:│   |    )*)((?:├── |└── )?)(\w+)", errors.__doc__ or "", re.MULTILINE)
    drawn = {(len(before) // 4 + bool(branch), name) for before, branch, name in lines}
    assert drawn == set(draw(errors.PodiumError))


def test_every_error_of_the_module_is_in_the_tree() -> None:
    found = {name for name, kind in inspect.getmembers(errors, inspect.isclass) if kind.__module__ == errors.__name__}
    assert found == {name for _, name in draw(errors.PodiumError)}


def test_only_what_may_pass_is_pulled_again() -> None:
    kinds = [errors.PullError, *errors.PullError.__subclasses__()]
    assert {kind.__name__ for kind in kinds if kind.retryable} == {"SourceUnreachable"}


def test_a_registry_that_does_not_parse_says_where() -> None:
    error = errors.CorruptRegistry("m-iris", "aliases", "line 'x' is not <name>=<number>")
    assert str(error) == "registry ConfigMap m-iris, key 'aliases': line 'x' is not <name>=<number>"
    assert (error.object_name, error.key) == ("m-iris", "aliases")


def test_another_artifact_is_told_with_both_digests_and_what_to_do() -> None:
    error = errors.ArtifactDiffers(3, "s3://models/iris/3", "sha256:aa", "sha256:bb")
    for part in ("version 3", "s3://models/iris/3", "sha256:aa", "sha256:bb", "register what is there now"):
        assert part in str(error)


def test_an_answer_of_the_api_server_keeps_its_status_reason_and_time_to_wait() -> None:
    error = errors.KubeUnavailable(429, "TooManyRequests", "slow down", retry_after=7.0, is_untaken=True)
    assert (error.status, error.reason, error.message, str(error)) == (429, "TooManyRequests", "slow down", "slow down")
    assert (error.retry_after, error.is_untaken) == (7.0, True)


@pytest.mark.parametrize("cause", names.ServerFailure)
def test_a_server_that_fails_says_in_which_way(cause: names.ServerFailure) -> None:
    assert errors.ServerFailed(cause, "no answer").cause is cause
