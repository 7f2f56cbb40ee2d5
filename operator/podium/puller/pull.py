"""One pull from end to end: list, plan, download, verify, place."""

import dataclasses
import time

from podium import errors, names
from podium.puller import limits, plan, report, s3, settings, transfer, volume


def run(chosen: settings.Settings) -> report.Success:
    """Brings the artifact into the model's directory, or finds it there. Raises PullError."""
    started = time.monotonic()
    source, target = plan.parse_source(chosen.source), volume.Volume(chosen.model_dir)
    if earlier := target.finished(source.uri):
        _check_expected(chosen, source, earlier.digest)
        report.log("already there", **dataclasses.asdict(earlier))
        return earlier
    bounds = limits.Limits(chosen.timeout, chosen.retries)
    store = s3.Store(source, chosen, transfer.CONNECTIONS)
    planned = plan.build_plan(source, bounds.retried(store.list_objects))
    report.log("planned", source=source.uri, files=len(planned.files), bytes=planned.bytes)
    target.prepare(planned.bytes)
    with volume.translated():
        found = transfer.Transfer(store, target.staging, bounds).run(planned)
    _check_expected(chosen, source, found)
    seconds = round(time.monotonic() - started, 3)
    success = report.Success(digest=found, bytes=planned.bytes, files=len(planned.files), seconds=seconds)
    target.place(source.uri, success)
    report.log("pulled", source=source.uri, **dataclasses.asdict(success))
    return success


def _check_expected(chosen: settings.Settings, source: plan.Source, found: str) -> None:
    if chosen.expected_digest and chosen.expected_digest != found:
        message = (
            f"{source.uri} holds {found}, but this ModelVersion was first served from {chosen.expected_digest}: put "
            "the first artifact back, or register what is there now as a new version"
        )
        raise errors.ArtifactChanged(names.PullReason.DIGEST_MISMATCH, message)
