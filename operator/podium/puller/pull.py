"""One pull from end to end: list, plan, download, verify, place."""

import dataclasses
import functools
import time
from collections.abc import Mapping, Sequence

from podium import errors, names
from podium.puller import limits, plan, report, settings, stores, transfer, volume


def run(chosen: settings.Settings, openers: Mapping[str, stores.Opener]) -> report.Success:
    """Brings the artifact into the model's directory, or finds it there; `openers` by scheme. Raises PullError."""
    started = time.monotonic()
    source, target = plan.parse_source(chosen.source, openers), volume.Volume(chosen.model_dir)
    if earlier := target.find_finished(source.uri):
        _check_digest(chosen, source, earlier.digest)
        report.log("already there", **dataclasses.asdict(earlier))
        return earlier
    bounds = limits.Limits(chosen.timeout, chosen.retries)
    store = openers[source.scheme](source, chosen, transfer.CONNECTIONS)
    planned = plan.build_plan(source, list_objects(source, store, bounds))
    report.log("planned", source=source.uri, files=len(planned.files), bytes=planned.bytes)
    with volume.translate_errors():
        download = transfer.Transfer(store, target.staging, bounds, target.prepare(planned))
        found = download.run(planned)
    _check_digest(chosen, source, found)
    seconds = round(time.monotonic() - started, 3)
    success = report.Success(digest=found, bytes=planned.bytes, files=len(planned.files), seconds=seconds)
    target.place(source.uri, success)
    verified = dict(sorted(download.verified.items()))
    report.log("pulled", source=source.uri, **dataclasses.asdict(success), verified=verified, kept=download.kept)
    return success


def list_objects(source: plan.Source, store: stores.Store, bounds: limits.Limits) -> Sequence[plan.StoredObject]:
    """All objects below the prefix, page by page. Raises SourceInvalid for more than one model can have."""
    found: dict[str, plan.StoredObject] = {}
    page = bounds.retry(lambda: store.list_page(""))
    while True:
        found.update((stored.key, stored) for stored in page.objects)
        if len(found) > plan.MOST_OBJECTS:
            message = (
                f"there are more than {plan.MOST_OBJECTS} objects below {source.uri}, so it is no model's folder: "
                "register the version with the folder that holds the file MLmodel, or put fewer and larger files there"
            )
            raise errors.SourceInvalid(names.PullReason.TOO_MANY_OBJECTS, message)
        if not page.token:
            return list(found.values())
        page = bounds.retry(functools.partial(store.list_page, page.token))


def _check_digest(chosen: settings.Settings, source: plan.Source, found: str) -> None:
    if chosen.expected_digest and chosen.expected_digest != found:
        message = (
            f"{source.uri} holds {found}, but {chosen.expected_digest} is recorded of this version: put the recorded "
            "artifact back, or register what is there now as a new version"
        )
        raise errors.ArtifactChanged(names.PullReason.DIGEST_MISMATCH, message)
