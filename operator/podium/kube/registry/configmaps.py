"""The registry's backend on the API server: ConfigMaps of one namespace, each call one request and no more.

Calls that got no answer are repeated within a deadline, where repeating is safe: reads always; a creation, because
its content is unique and can be recognised; a compare-and-swap, because it can be taken only once.
"""

import time
import urllib.parse
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from podium import backoff, errors, names
from podium.kube import listwatch, session
from podium.manifest import Manifest
from podium.registry.storage import backend

DEADLINE_SECONDS = 10.0
"""How long one call keeps trying while the API server does not answer; longer than it takes to restart."""
TRY_SECONDS = 4.0
"""How long one try of a call about single ConfigMaps waits: a connection may have died without a word, and then another
one is answered at once."""
_FIRST_DELAY_SECONDS = 0.05
_LONGEST_DELAY_SECONDS = 2.0
_DENIED = " denied request: "
_CONTENDED = "Conflict"
"""Why a creation is refused while others change what a ResourceQuota counts; of a name that is taken it is another."""
_KEPT_METADATA = ("annotations", "ownerReferences", "finalizers")


def open_backend(namespace: str, context: str | None = None) -> "ConfigMapBackend":
    """The registry's backend in this namespace, by a context of the kubeconfig or the configuration in force.

    Makes no call. Raises Unavailable when there is no configuration.
    """
    return ConfigMapBackend(connect(context), namespace)


def connect(context: str | None = None) -> session.Session:
    """A connection by a context of the kubeconfig or the configuration in force. Raises Unavailable."""
    try:
        return session.Session.connect(context)
    except errors.KubeUnavailable as error:
        raise errors.Unavailable(str(error)) from error


class ConfigMapBackend:
    """The ConfigMaps of one namespace; implements backend.Backend."""

    def __init__(
        self,
        connection: session.Session,
        namespace: str,
        *,
        deadline_seconds: float = DEADLINE_SECONDS,
        on_record: Callable[[backend.Record], None] | None = None,
    ) -> None:
        """`on_record` is told of each ConfigMap that a get, a creation or a swap was answered with."""
        self._session, self._namespace, self._path = connection, namespace, path_of(namespace)
        self._deadline_seconds, self._on_record = deadline_seconds, on_record or _ignore_record

    def get(self, name: str) -> backend.Record | None:
        """See backend.Backend. A GET without resourceVersion: the API server answers with the latest."""
        call = _Call("get", self._namespace, self._deadline_seconds)
        while True:
            try:
                return self._take_answer(self._session.request("GET", self._path_to(name), seconds=call.seconds()))
            except errors.KubeNotFound:
                return None
            except errors.KubeError as error:
                call.retry_or_raise(error)

    def get_many(self, names: Iterable[str]) -> list[backend.Record | None]:
        """See backend.Backend. The GETs are under way at once; those that got no answer are made again."""
        call = _Call("get", self._namespace, self._deadline_seconds)
        found: dict[str, backend.Record | None] = {}
        asked = tuple(names)
        while missing := [name for name in asked if name not in found]:
            failure = None
            answers = self._session.request_all(map(self._path_to, missing), seconds=call.seconds())
            for name, answer in zip(missing, answers, strict=True):
                if isinstance(answer, errors.KubeNotFound):
                    found[name] = None
                elif isinstance(answer, errors.KubeError):
                    failure = answer
                else:
                    found[name] = self._take_answer(answer)
            if failure:
                call.retry_or_raise(failure)
        return [found[name] for name in asked]

    def outline(self, labels: Mapping[str, str]) -> backend.Records:
        """See backend.Backend. In pages; of an object its metadata alone is sent."""
        call = _Call("list", self._namespace, self._deadline_seconds, session.CALL_SECONDS)
        selector = _build_selector(labels)
        while True:
            try:
                pages = self._session.pages(self._path, labels=selector, limit=listwatch.PAGE_SIZE, metadata_only=True)
                found = [record_of(each) for page in pages for each in page.items]
            except errors.KubeGone:  # the pages' snapshot was compacted away
                continue
            except errors.KubeError as error:
                call.retry_or_raise(error)
            else:
                return sorted(found, key=lambda record: record.name)

    def list(self, labels: Mapping[str, str]) -> backend.Records:
        """See backend.Backend. One request: a list in pages may expire half-way, and is not faster."""
        call = _Call("list", self._namespace, self._deadline_seconds, session.CALL_SECONDS)
        query = {"labelSelector": _build_selector(labels)}
        while True:
            try:
                answer = self._session.request("GET", self._path, query=query, seconds=call.seconds())
            except errors.KubeError as error:
                call.retry_or_raise(error)
            else:
                return sorted(map(record_of, answer.get("items") or ()), key=lambda record: record.name)

    def create(self, record: backend.Record) -> backend.Record:
        """See backend.Backend."""
        call = _Call("create", self._namespace, self._deadline_seconds)
        while True:
            try:
                return self._send_record(call, "POST", self._path, record)
            except errors.KubeConflict as error:
                if call.is_unsure and (stored := self.get(record.name)) and stored.data == record.data:
                    return stored
                if error.reason == _CONTENDED:
                    call.retry_or_raise(_build_untaken(error))
                    continue
                raise errors.AlreadyExists(f"ConfigMap {record.name} exists already") from error
            except errors.KubeNotFound as error:
                raise errors.InvalidInput(
                    f"the registry's namespace {self._namespace!r} does not exist: kubectl create namespace "
                    f"{self._namespace} ({error})"
                ) from error
            except errors.KubeError as error:
                call.retry_or_raise(error)

    def replace(self, record: backend.Record) -> backend.Record:
        """See backend.Backend."""
        call = _Call("update", self._namespace, self._deadline_seconds)
        while True:
            try:
                return self._send_record(call, "PUT", self._path_to(record.name), record)
            except (errors.KubeConflict, errors.KubeNotFound) as error:
                if call.is_unsure and (stored := self.get(record.name)) and stored.data == record.data:
                    return stored
                raise backend.Stale(record.name, is_sure=not call.is_unsure) from error
            except errors.KubeError as error:
                call.retry_or_raise(error)

    def delete(self, name: str, resource_version: str) -> None:
        """See backend.Backend."""
        call = _Call("delete", self._namespace, self._deadline_seconds)
        body: Manifest = {"preconditions": {"resourceVersion": resource_version}}
        while True:
            try:
                self._session.request("DELETE", self._path_to(name), body=body, seconds=call.seconds())
                return
            except errors.KubeNotFound:
                return
            except errors.KubeConflict as error:
                raise backend.Stale(name) from error
            except errors.KubeError as error:
                call.retry_or_raise(error)

    def _send_record(self, call: "_Call", method: str, path: str, record: backend.Record) -> backend.Record:
        query = {"fieldManager": names.REGISTRY_MANAGER}
        manifest = _build_manifest(record)
        if method == "PUT":  # nobody applies these objects, and who manages which field costs a tenth of a swap
            manifest["metadata"]["managedFields"] = [{}]
        return self._take_answer(
            self._session.request(method, path, query=query, body=manifest, seconds=call.seconds())
        )

    def _take_answer(self, manifest: Manifest) -> backend.Record:
        record = record_of(manifest)
        self._on_record(record)
        return record

    def _path_to(self, name: str) -> str:
        return f"{self._path}/{urllib.parse.quote(name, safe='')}"


class _Call:
    """One call with its tries: until when, and whether one of them may have been taken without an answer."""

    def __init__(self, verb: str, namespace: str, deadline_seconds: float, try_seconds: float = TRY_SECONDS) -> None:
        self._verb, self._namespace, self._limit = verb, namespace, deadline_seconds
        self._try_seconds = try_seconds
        self._end = time.monotonic() + deadline_seconds
        self._attempts = 0
        self.is_unsure = False

    def seconds(self) -> float:
        """Time limit of the next try."""
        return min(self._try_seconds, max(self._end - time.monotonic(), 0.1))

    def retry_or_raise(self, error: errors.KubeError) -> None:
        """Wait for the next try where one can help, else raise the errors.RegistryError that the answer stands for."""
        if not isinstance(error, errors.KubeUnavailable):
            raise self._translate_error(error) from error
        self.is_unsure |= not error.is_untaken
        self._attempts += 1
        delay = backoff.delay(self._attempts, _FIRST_DELAY_SECONDS, _LONGEST_DELAY_SECONDS)
        delay = max(delay, error.retry_after or 0)
        if time.monotonic() + delay >= self._end:
            doubt = ""
            if self.is_unsure and self._verb not in ("get", "list"):
                doubt = "; the write may have taken effect, so read before you try again"
            raise errors.Unavailable(
                f"the API server did not {self._verb} a ConfigMap of namespace {self._namespace!r} within "
                f"{self._limit:g} seconds: {error}{doubt}"
            ) from error
        time.sleep(delay)

    def _translate_error(self, error: errors.KubeError) -> errors.RegistryError:
        if isinstance(error, errors.KubeForbidden):
            if error.status == 401:
                return errors.Forbidden(str(error))
            if _DENIED in str(error):  # by the chart's admission policy, whose sentence says all
                return errors.Forbidden(str(error).partition(_DENIED)[2])
            return errors.Forbidden(
                f"the API server refuses to {self._verb} ConfigMaps: grant the verb {self._verb!r} on resource "
                f"'configmaps' in namespace {self._namespace!r} to this user or service account ({error})"
            )
        if error.status == 413 or "Too long" in str(error):
            return errors.TooLarge(f"the API server finds the ConfigMap too large: {error}")
        return errors.InvalidInput(f"the API server refuses the ConfigMap: {error}")


def _build_selector(labels: Mapping[str, str]) -> str:
    return ",".join(f"{key}={value}" for key, value in labels.items())


def path_of(namespace: str) -> str:
    """The API server's path of the ConfigMaps in a namespace."""
    return f"/api/v1/namespaces/{urllib.parse.quote(namespace, safe='')}/configmaps"


def record_of(manifest: Manifest) -> backend.Record:
    """The record of a ConfigMap as the API server gives it."""
    metadata: dict[str, Any] = manifest["metadata"]
    return backend.Record(
        metadata["name"],
        metadata.get("labels") or {},
        manifest.get("data") or {},
        metadata["resourceVersion"],
        {key: metadata[key] for key in _KEPT_METADATA if key in metadata},
    )


def _build_untaken(error: errors.KubeConflict) -> errors.KubeUnavailable:
    """A refusal that was no refusal of the content, and that time alone cures."""
    return errors.KubeUnavailable(error.status, error.reason, error.message, is_untaken=True)


def _ignore_record(_: backend.Record) -> None:
    pass


def _build_manifest(record: backend.Record) -> Manifest:
    metadata: dict[str, Any] = {**record.metadata, "name": record.name, "labels": dict(record.labels)}
    if record.resource_version:
        metadata["resourceVersion"] = record.resource_version
    return {"apiVersion": "v1", "kind": "ConfigMap", "metadata": metadata, "data": dict(record.data)}
