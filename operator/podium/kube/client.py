"""Calls to the API server with plain dicts, over the connection, TLS and tokens of the official client.

The typed classes of the official client are never touched: they cost 60 to 80 MiB. Every failure is raised as an
errors.Kube* that carries the server's own sentence, and every call has a time limit. Nothing is retried here: whoever
calls has a back-off of its own, and knows whether the call may be repeated.
"""

import collections.abc
import contextlib
import importlib.metadata
import urllib.parse
from typing import Any

import aiohttp
from kubernetes.aio import config
from kubernetes.aio.client import configuration as configurations
from kubernetes.aio.client import rest

from podium import errors, names
from podium.kube import answers, listwatch, resources
from podium.manifest import Manifest

Manifests = list[Manifest]
OnAnswer = collections.abc.Callable[[str, str, int], None]
"""Told of every answer: HTTP method, resource, status code (0: no answer)."""

CONNECT_SECONDS = 5.0
CALL_SECONDS = 15.0
SILENCE_SECONDS = 150.0
"""A watch without event or bookmark for this long is dead; the server sends a bookmark about each minute."""
WATCH_SECONDS = 300
_LIST_ATTEMPTS = 3
_APPLY = "application/apply-patch+yaml"  # JSON is YAML
_SCHEMAS = resources.Resource("", "v3", "openapi", "OpenAPI", namespaced=False)
JSON = "application/json"


class Client:
    """One connection pool to one API server. `configuration` is the official client's: address, TLS, token."""

    def __init__(
        self,
        configuration: configurations.Configuration,
        on_answer: OnAnswer | None = None,
        *,
        call_seconds: float = CALL_SECONDS,
        silence_seconds: float = SILENCE_SECONDS,
    ) -> None:
        configuration.connection_pool_maxsize = 0  # each watch holds one; calls are bounded by the workers
        self._configuration, self._on_answer = configuration, on_answer
        self._rest = rest.RESTClientObject(configuration)
        self._agent = f"podium/{importlib.metadata.version('podium')}"
        self._call_timeout = aiohttp.ClientTimeout(total=call_seconds, sock_connect=CONNECT_SECONDS)
        self._watch_timeout = aiohttp.ClientTimeout(total=None, sock_connect=CONNECT_SECONDS, sock_read=silence_seconds)

    @classmethod
    async def connect(cls, on_answer: OnAnswer | None = None) -> "Client":
        """Connect as the service account of the pod, else by the kubeconfig in force. Raises KubeUnavailable.

        The service account's token is read again each minute, because the kubelet replaces it.
        """
        configuration = configurations.Configuration()
        try:
            try:
                config.load_incluster_config(client_configuration=configuration)
            except config.ConfigException:
                await config.load_kube_config(client_configuration=configuration)
        except config.ConfigException as error:
            raise errors.KubeUnavailable(
                0, names.KubeFailure.NO_CONFIGURATION, f"no cluster to connect to: {error}"
            ) from error
        return cls(configuration, on_answer)

    async def close(self) -> None:
        """Close every connection."""
        await self._rest.close()

    async def get(self, resource: resources.Resource, namespace: str, name: str) -> Manifest:
        """One object. Raises KubeError, KubeNotFound if it is not there."""
        return await self._call_api("GET", resource, resource.path(namespace, name))

    async def list(
        self,
        resource: resources.Resource,
        namespace: str | None = None,
        *,
        labels: str = "",
        limit: int = listwatch.PAGE_SIZE,
    ) -> tuple[Manifests, str]:
        """All objects that a label selector takes, and the list's resourceVersion; read page by page."""
        for attempt in range(1, _LIST_ATTEMPTS + 1):
            try:
                items: Manifests = []
                async for page in self.pages(resource, namespace, labels=labels, limit=limit):
                    items += page.items
                return items, page.resource_version
            except errors.KubeGone:  # the pages' snapshot was compacted away
                if attempt == _LIST_ATTEMPTS:
                    raise
        raise AssertionError("unreachable")

    async def pages(
        self,
        resource: resources.Resource,
        namespace: str | None = None,
        *,
        labels: str = "",
        limit: int = listwatch.PAGE_SIZE,
        accept: str = JSON,
    ) -> collections.abc.AsyncGenerator[listwatch.Page, None]:
        """The pages of one consistent list, of `limit` objects at most and of fewer where these are large.

        Raises KubeGone in the middle of one that took too long.
        """
        rest_of_list, asked, items, size = "", 0, 0, 0
        while True:
            asked = listwatch.choose_page_size(asked, items, size, limit)
            query = listwatch.build_list_query(labels, asked, rest_of_list)
            page, size = await self._get_page(resource, namespace, query, accept)
            items = len(page.items)
            yield page
            rest_of_list = page.rest
            if not rest_of_list:
                return

    async def list_metadata(
        self, resource: resources.Resource, namespace: str | None = None, *, labels: str = ""
    ) -> Manifests:
        """apiVersion, kind and metadata of all objects: enough to see which are gone."""
        items: Manifests = []
        async for page in self.pages(resource, namespace, labels=labels, accept=listwatch.METADATA_LIST):
            items += page.items
        return items

    async def get_schemas(self, group: str, version: str) -> dict[str, Any]:
        """The OpenAPI schemas of an API group's kinds, by the API server's own names. Raises KubeError."""
        path = f"/openapi/v3/apis/{group}/{version}"
        document = await self._call_api("GET", _SCHEMAS, path)
        found: dict[str, Any] = document.get("components", {}).get("schemas", {})
        return found

    async def watch(
        self,
        resource: resources.Resource,
        namespace: str | None = None,
        *,
        labels: str = "",
        resource_version: str,
        timeout_seconds: int = WATCH_SECONDS,
        accept: str = JSON,
    ) -> collections.abc.AsyncGenerator[tuple[str, Manifest], None]:
        """Type (ADDED, MODIFIED, DELETED or BOOKMARK) and object of every change after `resource_version`.

        Ends when the server ends it, at the latest after `timeout_seconds`. Raises KubeGone when that resourceVersion
        is too old, KubeUnavailable when the connection breaks or is silent, and other KubeErrors.
        """
        query = listwatch.build_watch_query(labels, resource_version, timeout_seconds)
        url, what = self._build_url(resource.path(namespace), query), f"watch {resource.plural}"
        with translate_failures(what):
            async with self._send_request("WATCH", resource, url, headers={"Accept": accept}) as response:
                async for line in split_lines(response.content):
                    yield answers.parse_event(line, what)

    async def apply(self, manifest: Manifest, *, subresource: str = "", resource_version: str = "") -> Manifest:
        """Server-side apply by names.FIELD_MANAGER, which takes the fields it names from any other manager.

        With `resource_version` it raises KubeConflict if the object is not at that one; an object that is not there
        is created all the same. Answers with the object.
        """
        resource, metadata = resources.of(manifest), manifest["metadata"]
        if resource_version:
            manifest = manifest | {"metadata": metadata | {"resourceVersion": resource_version}}
        query = {"fieldManager": names.FIELD_MANAGER, "force": "true"}
        path = resource.path(metadata.get("namespace"), metadata["name"], subresource)
        return await self._call_api("PATCH", resource, path, query, manifest, content_type=_APPLY)

    async def create(self, manifest: Manifest) -> Manifest:
        """Create an object. Raises KubeConflict if its name is taken. Answers with the object."""
        resource = resources.of(manifest)
        query = {"fieldManager": names.FIELD_MANAGER}
        return await self._call_api(
            "POST", resource, resource.path(manifest["metadata"].get("namespace")), query, manifest
        )

    async def replace(self, manifest: Manifest) -> Manifest:
        """Replace an object. Raises KubeConflict if it is not at the manifest's resourceVersion any more."""
        resource, metadata = resources.of(manifest), manifest["metadata"]
        query = {"fieldManager": names.FIELD_MANAGER}
        path = resource.path(metadata.get("namespace"), metadata["name"])
        return await self._call_api("PUT", resource, path, query, manifest)

    async def delete(
        self,
        resource: resources.Resource,
        namespace: str,
        name: str,
        *,
        uid: str = "",
        resource_version: str = "",
        propagation: str = "Background",
    ) -> None:
        """Delete an object; that it is gone, or is another one than that with `uid`, is success.

        With `resource_version` it raises KubeConflict if the object is not at that one, or is another one.
        """
        options: Manifest = {"apiVersion": "v1", "kind": "DeleteOptions", "propagationPolicy": propagation}
        conditions = {"uid": uid, "resourceVersion": resource_version}
        if given := {name: value for name, value in conditions.items() if value}:
            options["preconditions"] = given
        try:
            await self._call_api("DELETE", resource, resource.path(namespace, name), body=options)
        except errors.KubeNotFound:
            return
        except errors.KubeConflict:
            if resource_version or not uid:
                raise

    async def _get_page(
        self,
        resource: resources.Resource,
        namespace: str | None,
        query: dict[str, str],
        accept: str,
    ) -> tuple[listwatch.Page, int]:
        """A page, and its bytes."""
        path = resource.path(namespace)
        what = f"GET {path}"
        with translate_failures(what):
            async with self._send_request(
                "GET", resource, self._build_url(path, query), headers={"Accept": accept}
            ) as r:
                content = await r.read()
        page = listwatch.parse_page(answers.parse_object(content, what))
        for item in page.items:  # a list names its kind once, and its items do not
            item["apiVersion"], item["kind"] = resource.api_version, resource.kind
        return page, len(content)

    async def _call_api(
        self,
        method: str,
        resource: resources.Resource,
        path: str,
        query: dict[str, str] | None = None,
        body: Manifest | None = None,
        *,
        content_type: str = JSON,
    ) -> Manifest:
        url, what = self._build_url(path, query or {}), f"{method} {path}"
        headers = {"Content-Type": content_type, "Accept": JSON}
        with translate_failures(what):
            async with self._send_request(method, resource, url, body, headers) as response:
                return answers.parse_object(await response.read(), what)

    @contextlib.asynccontextmanager
    async def _send_request(
        self,
        method: str,
        resource: resources.Resource,
        url: str,
        body: Manifest | None = None,
        headers: dict[str, str] | None = None,
    ) -> collections.abc.AsyncIterator[aiohttp.ClientResponse]:
        """Send and hand out a good answer; anything else is raised as KubeError."""
        headers = {"User-Agent": self._agent} | (headers or {})
        for setting in (await self._configuration.auth_settings()).values():
            headers[setting["key"]] = setting["value"]
        is_watch, code = method == "WATCH", 0
        timeout = self._watch_timeout if is_watch else self._call_timeout
        try:
            sent = await self._rest.request(
                "GET" if is_watch else method, url, headers=headers, body=body, _request_timeout=timeout
            )
            code = sent.status
        finally:
            if self._on_answer:
                self._on_answer(method, resource.plural, code)
        response: aiohttp.ClientResponse = sent.response
        async with response:
            if code >= 400:
                raise answers.build_refusal(code, await response.read())
            yield response

    def _build_url(self, path: str, query: dict[str, str]) -> str:
        given = urllib.parse.urlencode({name: value for name, value in query.items() if value})
        return f"{self._configuration.host}{path}" + (f"?{given}" if given else "")


@contextlib.contextmanager
def translate_failures(what: str) -> collections.abc.Iterator[None]:
    """Raise KubeUnavailable for a connection that failed or a time limit that passed."""
    try:
        yield
    except TimeoutError as error:
        raise errors.KubeUnavailable(0, names.KubeFailure.TIMED_OUT, f"{what}: no answer in time") from error
    except (aiohttp.ClientError, OSError) as error:
        text = f"{what}: {str(error) or type(error).__name__}"
        raise errors.KubeUnavailable(0, names.KubeFailure.UNREACHABLE, text) from error


async def split_lines(content: aiohttp.StreamReader) -> collections.abc.AsyncGenerator[bytes, None]:
    """The lines of a stream, of any length: a registry's ConfigMap makes one of a MiB. An unfinished one is dropped."""
    unfinished: list[bytes] = []
    async for chunk in content.iter_any():
        first, *others = chunk.split(b"\n")
        unfinished.append(first)
        for following in others:
            if line := b"".join(unfinished):
                yield line
            unfinished = [following]
