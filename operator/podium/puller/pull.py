"""One pull from end to end: list, plan, download, verify, place."""

import dataclasses
import time
from collections.abc import Mapping

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
    planned = plan.build_plan(source, bounds.retry(store.list_objects))
    report.log("planned", source=source.uri, files=len(planned.files), bytes=planned.bytes)
    target.prepare(planned.bytes)
    with volume.translate_errors():
        found = transfer.Transfer(store, target.staging, bounds).run(planned)
    _check_digest(chosen, source, found)
    seconds = round(time.monotonic() - started, 3)
    success = report.Success(digest=found, bytes=planned.bytes, files=len(planned.files), seconds=seconds)
    target.place(source.uri, success)
    report.log("pulled", source=source.uri, **dataclasses.asdict(success))
    return success


def _check_digest(chosen: settings.Settings, source: plan.Source, found: str) -> None:
    if chosen.expected_digest and chosen.expected_digest != found:
        message = (
            f"{source.uri} holds {found}, but this ModelVersion was first served from {chosen.expected_digest}: put "
            "the first artifact back, or register what is there now as a new version"
        )
        raise errors.ArtifactChanged(names.PullReason.DIGEST_MISMATCH, message)
