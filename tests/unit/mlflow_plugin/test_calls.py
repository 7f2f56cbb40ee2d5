"""Errors of the registry as MLflow's clients get them."""

import pytest
from mlflow import exceptions
from mlflow.utils import request_utils

from podium import errors
from podium.mlflow_plugin import calls

ANSWERS = [
    pytest.param(errors.NotFound("x", "model"), "RESOURCE_DOES_NOT_EXIST", 404, id="no such model"),
    pytest.param(errors.NotFound("x", "version"), "RESOURCE_DOES_NOT_EXIST", 404, id="no such version"),
    pytest.param(errors.NotFound("x", "alias"), "INVALID_PARAMETER_VALUE", 400, id="no such alias"),
    pytest.param(errors.AlreadyExists("x"), "RESOURCE_ALREADY_EXISTS", 400, id="a name that is taken"),
    pytest.param(errors.InvalidInput("x"), "INVALID_PARAMETER_VALUE", 400, id="a value that cannot be"),
    pytest.param(errors.TooLarge("x"), "INVALID_PARAMETER_VALUE", 400, id="more than an object holds"),
    pytest.param(errors.Conflict("x"), "RESOURCE_CONFLICT", 409, id="too many writers"),
    pytest.param(errors.InUse("x"), "RESOURCE_CONFLICT", 409, id="a version that is served"),
    pytest.param(errors.ArtifactDiffers(1, "s3://x", "a", "b"), "RESOURCE_CONFLICT", 409, id="another artifact"),
    pytest.param(errors.CorruptRegistry("o", "k", "x"), "RESOURCE_CONFLICT", 409, id="an object that does not parse"),
    pytest.param(errors.NotOffered("x"), "NOT_IMPLEMENTED", 501, id="not offered yet"),
    pytest.param(errors.Forbidden("x"), "PERMISSION_DENIED", 403, id="a missing permission"),
    pytest.param(errors.Unavailable("x"), "TEMPORARILY_UNAVAILABLE", 503, id="no answer by the API server"),
]


@pytest.mark.parametrize(("error", "code", "status"), ANSWERS)
def test_each_error_has_one_code_and_keeps_its_sentence(error: errors.RegistryError, code: str, status: int) -> None:
    answer = calls.to_exception(error)
    assert (answer.error_code, answer.get_http_status_code(), answer.message) == (code, status, str(error))


@pytest.mark.parametrize("error", [case.values[0] for case in ANSWERS], ids=[case.id for case in ANSWERS])
def test_clients_repeat_nothing_but_what_the_api_server_did_not_answer(error: errors.RegistryError) -> None:
    repeated = request_utils._TRANSIENT_FAILURE_RESPONSE_CODES
    is_repeated = calls.to_exception(error).get_http_status_code() in repeated
    assert is_repeated == isinstance(error, errors.Unavailable)
    assert calls.to_exception(error, is_repeatable=False).get_http_status_code() not in repeated


def test_an_unknown_outcome_of_what_must_not_be_repeated_says_to_look_first() -> None:
    @calls.translated_once
    def create() -> None:
        raise errors.Unavailable("the API server did not answer")

    with pytest.raises(exceptions.MlflowException, match="look at the model before you repeat it") as caught:
        create()
    assert isinstance(caught.value.__cause__, errors.Unavailable)


def test_every_kind_of_registry_error_has_a_code_of_its_own_choice() -> None:
    chosen = {kind for kind, _ in calls._CODES}
    assert set(errors.RegistryError.__subclasses__()) <= chosen
