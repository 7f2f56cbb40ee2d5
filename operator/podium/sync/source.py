"""Source: reads the registered models of an MLflow server with MLflow's own client, for the mirror and for imports.

MLflow pages through lists by offset, so a list may miss a model that existed all the time. Nothing is concluded from a
list alone. One model is read consistently: its versions are listed, and it must be the same before and after. Whether a
model was deleted is what the server answers when it is asked for it by name.
"""

import dataclasses
import re
import urllib.parse
from collections.abc import Iterable
from typing import Any

import requests
import sqlalchemy
import sqlalchemy.exc
import urllib3.exceptions
from mlflow import exceptions
from mlflow.entities import model_registry
from mlflow.tracking._model_registry import client as registry_client

from podium import errors, names
from podium.mlflow_plugin import sources, views
from podium.registry.images import convergence
from podium.registry.model import entities

CALL_SECONDS = 10.0
"""How long the server may take to begin an answer, or to go on with it."""
PAGE_SIZE = 1000
_ATTEMPTS = 5
_PROMPTS = "tags.`mlflow.prompt.is_prompt` = 'true'"
"""Without this condition a search shows no prompts; with it, prompts only."""
_CAUSES = {
    401: names.ServerFailure.UNAUTHORIZED,
    403: names.ServerFailure.FORBIDDEN,
    429: names.ServerFailure.RATE_LIMITED,
    408: names.ServerFailure.TIMED_OUT,
    504: names.ServerFailure.TIMED_OUT,
}
_USER = re.compile(r"://[^/\s]*@")
"""User and password in an address."""
_LOGGED_MODEL = re.compile(r"models:/(m-[0-9a-f]{32})")


def limits(call_seconds: float = CALL_SECONDS) -> dict[str, str]:
    """Environment variables that limit the calls of MLflow's client, which takes limits from there only."""
    return {
        "MLFLOW_HTTP_REQUEST_MAX_RETRIES": "0",  # else a call that fails takes four minutes
        "MLFLOW_HTTP_REQUEST_TIMEOUT": str(max(1, round(call_seconds))),
    }


class Source:
    """The registry of an MLflow server, or of a database (`sqlite:///…`, `postgresql://…`), by its URI.

    `destination`: where that server keeps proxied artifacts, such as s3://bucket/path, if pullers can read from there.
    Credentials come from the URI or from MLflow's own variables; limits of calls come from variables (`limits`). Every
    method raises errors.ServerFailed. Use it from one thread at a time.
    """

    def __init__(
        self,
        uri: str,
        *,
        destination: str | None = None,
        page_size: int = PAGE_SIZE,
    ) -> None:
        self._uri, self._destination, self._page_size = uri, destination, page_size
        self._client: Any = None
        self._is_remote = urllib.parse.urlsplit(uri).scheme in ("http", "https")
        self._locations: dict[tuple[str, int, int, str], str | None] = {}

    @property
    def address(self) -> str:
        """The URI without credentials, for texts."""
        return address(self._uri)

    def names(self) -> list[str]:
        """The names of all models and prompts that paging shows."""
        return sorted(model.name for model in self._list_models())

    def snapshot(self) -> dict[str, convergence.ModelImage]:
        """All models by name, by as few calls as possible, without the locations of artifacts.

        Compare it with another snapshot to see what changed; it is not consistent enough to be written.
        """
        models = self._list_models()
        versions: dict[str, list[Any]] = {model.name: [] for model in models}
        for version in self._list_versions(None):
            versions.setdefault(version.name, []).append(version)
        return {model.name: self._build_image(model, versions[model.name]) for model in models}

    def image(self, name: str) -> convergence.ModelImage:
        """One model as it is at one moment. Raises NotFound."""
        for _ in range(_ATTEMPTS):
            model = self._read_model(name)
            image = self._build_image(model, self._list_versions(name))
            if _is_unchanged(model, self._read_model(name)) and _has_all_versions(model, image):
                return dataclasses.replace(image, versions=tuple(self._add_location(name, v) for v in image.versions))
        raise errors.ServerFailed(
            names.ServerFailure.INCONSISTENT, f"{name!r} changed each time while {self.address} was read"
        )

    def is_there(self, name: str) -> bool:
        """Whether the server knows the model; False only if it answers so."""
        try:
            self._read_model(name)
        except errors.NotFound:
            return False
        return True

    def _read_model(self, name: str) -> Any:
        model = self._call_server("get_registered_model", name)
        if model.name != name:
            raise errors.ServerFailed(
                names.ServerFailure.UNREADABLE, f"{self.address} answered with another model than {name!r}"
            )
        return model

    def _list_models(self) -> list[Any]:
        found = {}
        for condition in ("", _PROMPTS):
            for model in self._walk_pages("search_registered_models", condition, ["name ASC"]):
                found[model.name] = model
        return list(found.values())

    def _list_versions(self, name: str | None) -> list[Any]:
        condition = "" if name is None else _build_name_filter(name)
        found = {}
        for filters in ([condition], [condition, _PROMPTS]):
            text = " AND ".join(part for part in filters if part)
            for version in self._walk_pages("search_model_versions", text, ["name ASC", "version_number ASC"]):
                if name in (None, version.name):
                    found[version.name, int(version.version)] = version
        return list(found.values())

    def _walk_pages(self, search: str, condition: str, order: list[str]) -> Iterable[Any]:
        token = None
        while True:
            page = self._call_server(search, condition or None, self._page_size, order, token)
            yield from page
            if not (token := page.token):
                return

    def _build_image(self, model: Any, versions: Iterable[Any]) -> convergence.ModelImage:
        ordered = tuple(sorted((self._build_version(version) for version in versions), key=lambda v: v.number))
        return convergence.ModelImage(
            name=model.name,
            description=self._parse_text(model.description),
            tags=dict(model.tags),
            aliases={alias: int(number) for alias, number in model.aliases.items()},
            created_ms=model.creation_timestamp or 0,
            updated_ms=model.last_updated_timestamp or 0,
            last_version=ordered[-1].number if ordered else 0,
            versions=ordered,
        )

    def _build_version(self, version: model_registry.ModelVersion) -> entities.Version:
        logged = _LOGGED_MODEL.match(version.source or "")
        built = views.from_model_version(version, logged[1] if logged else None)
        return dataclasses.replace(
            built, run_link=self._parse_text(built.run_link), user_id=self._parse_text(built.user_id)
        )

    def _parse_text(self, value: str | None) -> str | None:
        """None for "", which is how the server's REST interface writes a missing text."""
        return None if self._is_remote and not value else value

    def _add_location(self, name: str, version: entities.Version) -> entities.Version:
        """The version with the location of its artifact. The location never changes, so it is asked for once."""
        key = (name, version.number, version.created_ms, version.source)
        if key not in self._locations:
            self._locations[key] = self._find_location(name, version)
        return dataclasses.replace(version, location=self._locations[key])

    def _find_location(self, name: str, version: entities.Version) -> str | None:
        found = version.source
        if urllib.parse.urlsplit(found).scheme == "models":  # the server resolved it when the version was created
            try:
                found = self._call_server("get_model_version_download_uri", name, str(version.number))
            except errors.NotFound:  # the run or model was deleted since
                return None
        try:
            real = sources.real_location(found, self._uri, self._destination)
        except errors.InvalidInput:  # the path leaves its root: nobody can pull it
            return None
        return real if real != version.source else None

    def _call_server(self, method: str, *arguments: Any) -> Any:
        """Call a method of MLflow's client. Raises NotFound, ServerFailed."""
        try:
            if self._client is None:
                self._client = self._open_client()
            return getattr(self._client, method)(*arguments)
        except exceptions.MlflowException as error:
            if error.error_code == "RESOURCE_DOES_NOT_EXIST":
                raise errors.NotFound(error.message) from error
            raise errors.ServerFailed(
                _classify_error(error), f"{self.address}: {_shorten_error(str(error))}"
            ) from error
        except sqlalchemy.exc.SQLAlchemyError as error:
            raise errors.ServerFailed(
                names.ServerFailure.UNREACHABLE, f"{self.address}: {_shorten_error(str(error))}"
            ) from error
        except (ValueError, requests.RequestException) as error:
            raise errors.ServerFailed(
                names.ServerFailure.UNREADABLE, f"{self.address}: {_shorten_error(str(error))}"
            ) from error

    def _open_client(self) -> Any:
        if not self._is_remote:  # MLflow tries for minutes to connect to a database
            engine = sqlalchemy.create_engine(self._uri)
            engine.connect().close()
            engine.dispose()
        return registry_client.ModelRegistryClient(self._uri, self._uri)  # MlflowClient hides prompts


def address(uri: str) -> str:
    """A URI without its credentials."""
    parts = urllib.parse.urlsplit(uri)
    return parts._replace(netloc=parts.netloc.rpartition("@")[2], query="", fragment="").geturl()


def _build_name_filter(name: str) -> str:
    """A filter for this name. If it has both kinds of quotes, the filter matches some more: MLflow has no escape."""
    if "'" not in name:
        return f"name = '{name}'"
    if '"' not in name:
        return f'name = "{name}"'
    return "name LIKE '{}'".format(name.replace("'", "_"))


def _is_unchanged(before: Any, after: Any) -> bool:
    """Whether a model did not change. Its time of update shows created and deleted versions, but nothing else."""
    return bool(
        before.last_updated_timestamp == after.last_updated_timestamp
        and before.creation_timestamp == after.creation_timestamp
        and (before.tags, before.aliases, before.description) == (after.tags, after.aliases, after.description)
    )


def _has_all_versions(model: Any, image: convergence.ModelImage) -> bool:
    """Whether the list has all versions that the model itself names."""
    listed = {version.number for version in image.versions}
    latest: list[model_registry.ModelVersion] = model.latest_versions or []
    return {int(version.version) for version in latest} | set(image.aliases.values()) <= listed


def _classify_error(error: exceptions.MlflowException) -> names.ServerFailure:
    """The kind of failure, by the exception below MLflow's."""
    below: BaseException | None = error.__cause__ or error.__context__
    last = _find_last_failure(below)
    if isinstance(last, urllib3.exceptions.NewConnectionError):  # for urllib3 a kind of time-out
        return names.ServerFailure.UNREACHABLE
    if isinstance(below, requests.Timeout) or isinstance(last, urllib3.exceptions.TimeoutError):
        return names.ServerFailure.TIMED_OUT
    if isinstance(below, requests.exceptions.RetryError):  # the statuses that MLflow's client would repeat
        status = re.search(r"too many (\d{3}) error responses", str(below))
        return _classify_status(int(status[1])) if status else names.ServerFailure.SERVER_ERROR
    if isinstance(below, requests.ConnectionError):
        return names.ServerFailure.UNREACHABLE
    if isinstance(below, requests.RequestException) or "not in a valid JSON format" in str(error):
        return names.ServerFailure.UNREADABLE
    return _classify_status(error.get_http_status_code())


def _find_last_failure(error: BaseException | None) -> object:
    """Why the client's last attempt failed; requests reports every kind as a failed connection."""
    return getattr(error.args[0] if error and error.args else None, "reason", None)


def _classify_status(status: int) -> names.ServerFailure:
    return _CAUSES.get(status) or (
        names.ServerFailure.SERVER_ERROR if status >= 500 else names.ServerFailure.UNREADABLE
    )


def _shorten_error(text: str) -> str:
    line = _USER.sub("://", " ".join(text.split()))
    return line if len(line) <= 300 else f"{line[:300]}…"
