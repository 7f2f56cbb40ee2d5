"""Deployment calls: requests to a deployed model, through its ingress or through the API server.

A proxy answers for a moment without the model, or with an error of its own, after anything changed. The model's server
marks each of its answers, so what bears no mark was not answered by a model and may be asked again.
"""

import json
import time
import urllib.parse
from typing import Any

import urllib3
import urllib3.exceptions
from mlflow.utils import proto_json_utils

from podium import errors, names
from podium.kube import objects
from podium.manifest import Manifest
from podium.mlflow_plugin import deployment_status

REQUEST_SECONDS = 60.0
PATIENCE_SECONDS = 15.0
"""How long a proxy may answer without the model."""
_PAUSE_SECONDS = 0.3
_WHOLE = {"inputs", "instances", "dataframe_split", "dataframe_records"}
"""What the body of a request to MLflow's scoring server consists of."""


def body_of(inputs: Any) -> Manifest:
    """The body of a request: a table, an array, a list; a dictionary is a whole body or the inputs by name."""
    if isinstance(inputs, dict):
        return inputs if _WHOLE & inputs.keys() else {"inputs": _plain(inputs)}
    text = proto_json_utils.dump_input_data(inputs)
    parsed = json.loads(text)
    if not isinstance(parsed, dict):
        raise errors.InvalidInput("a deployment takes a table, an array, a list or a dictionary of inputs")
    return parsed


def _plain(inputs: Manifest) -> Manifest:
    """Arrays as lists."""
    return {key: value.tolist() if hasattr(value, "tolist") else value for key, value in inputs.items()}


def ask(cluster: objects.Objects, obj: Manifest, body: Manifest, ingress: str | None) -> str:
    """The text that the deployment's model answered.

    `ingress` is the address of the ingress controller where the host's own is not to be asked for. Raises KubeError
    for a failure on the way, InvalidInput for what the model refuses.
    """
    if deployment_status.has_ingress(obj):
        return _ask_ingress(deployment_status.url(obj), body, ingress)
    return json.dumps(_ask_service(cluster, obj["metadata"]["name"], body))


def _ask_service(cluster: objects.Objects, name: str, body: Manifest) -> Manifest:
    end = time.monotonic() + PATIENCE_SECONDS
    while True:
        try:
            return cluster.post(f"{name}:http", names.INVOCATIONS_PATH, body, REQUEST_SECONDS)
        except errors.KubeUnavailable as error:
            if error.status != 503 or time.monotonic() > end:
                raise
        time.sleep(_PAUSE_SECONDS)


def _ask_ingress(url: str, body: Manifest, address: str | None) -> str:
    end = time.monotonic() + PATIENCE_SECONDS
    while True:
        answer = _post(url, body, address)
        text = answer.data.decode("utf-8", "replace")
        if names.MODEL_VERSION_HEADER in answer.headers:
            if answer.status < 300:
                return text
            raise errors.InvalidInput(f"the model answered {answer.status}: {_sentence(text)}")
        if time.monotonic() > end:
            raise errors.KubeUnavailable(
                answer.status,
                "NoModel",
                f"{url} is not answered by the model but by something before it, with {answer.status}: {text[:200]}",
            )
        time.sleep(_PAUSE_SECONDS)


def _post(url: str, body: Manifest, address: str | None) -> urllib3.BaseHTTPResponse:
    parts = urllib.parse.urlsplit(url)
    options: dict[str, Any] = {}
    target = url
    if address:
        if parts.scheme == "https":
            options = {"server_hostname": parts.hostname, "assert_hostname": parts.hostname}
        host = address.partition("://")[2] or address
        target = urllib.parse.urlunsplit((parts.scheme, host.rstrip("/"), parts.path, parts.query, ""))
    with urllib3.PoolManager(timeout=REQUEST_SECONDS, retries=False, **options) as pool:
        try:
            headers = {"Host": parts.netloc, "Content-Type": "application/json"}
            return pool.request("POST", target, body=json.dumps(body), headers=headers)
        except urllib3.exceptions.HTTPError as error:
            hint = f"; if no DNS knows {parts.hostname!r} here, name the ingress controller: podium://…?ingress=ADDRESS"
            raise errors.KubeUnavailable(0, "Unreachable", f"{target}: {error}{hint}") from error


def _sentence(text: str) -> str:
    """The message of a scoring server's error, else all of it."""
    try:
        return str(json.loads(text)["message"])
    except (ValueError, KeyError, TypeError):
        return text[:500]
