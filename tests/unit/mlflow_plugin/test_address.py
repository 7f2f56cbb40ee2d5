"""Addresses of registries."""

import pytest

from podium import errors
from podium.mlflow_plugin import address


@pytest.mark.parametrize(
    ("text", "namespace", "context"),
    [
        pytest.param("configmap://models", "models", None, id="a namespace"),
        pytest.param("configmap://models/", "models", None, id="a slash behind it"),
        pytest.param("configmap://team-a?context=kind-podium", "team-a", "kind-podium", id="a context"),
        pytest.param("configmap://a?context=arn%3Aaws%2Fx", "a", "arn:aws/x", id="a context that has to be quoted"),
    ],
)
def test_an_address_names_a_namespace_and_perhaps_a_context(text: str, namespace: str, context: str | None) -> None:
    assert address.parse(text) == address.RegistryUri(namespace, context)


@pytest.mark.parametrize(
    "text",
    [
        pytest.param("configmap:models", id="no slashes"),
        pytest.param("configmap://", id="no namespace"),
        pytest.param("configmap:///models", id="a path instead of a namespace"),
        pytest.param("configmap://Models", id="a capital letter"),
        pytest.param("configmap://models:8080", id="a port"),
        pytest.param("configmap://user@models", id="a user"),
        pytest.param("configmap://models/iris", id="a path"),
        pytest.param("configmap://models#iris", id="a fragment"),
        pytest.param("configmap://models?contxt=a", id="an option that is not there"),
        pytest.param("configmap://models?context=", id="an empty context"),
        pytest.param("configmap://models?context=a&context=b", id="two contexts"),
        pytest.param("sqlite:///mlflow.db", id="another scheme"),
        pytest.param("configmap://" + "a" * 64, id="a name that is too long"),
    ],
)
def test_any_other_address_is_refused_with_what_to_write(text: str) -> None:
    with pytest.raises(errors.InvalidInput, match="configmap://NAMESPACE"):
        address.parse(text)
