"""What failed in a record, as a Code Quality report of GitLab.

https://docs.gitlab.com/ci/testing/code_quality/#code-quality-report-format
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from pathlib import PurePosixPath
from typing import Any

from pytest_trtperf.record.item import FAILED, ItemRecord
from pytest_trtperf.record.model import Measured, RunRecord
from pytest_trtperf.record.text import shortened
from pytest_trtperf.report.outcomes import outcome

MAX_CHARACTERS = 1000


def code_quality(runs: Sequence[RunRecord], folder: str = "") -> list[dict[str, Any]]:
    """An issue for each verdict that failed or is open, and each other test that failed or is open.

    A verdict whose test did not fail is none, such as of a test that is expected to fail.

    Args:
        folder: pytest's root directory relative to the top of the repository.
    """
    return [issue for run in runs for issue in _issues(run, folder)]


def _issues(run: RunRecord, folder: str) -> Iterator[dict[str, Any]]:
    items = {item.test: item for item in run.tests}
    explained = set()
    for one in run.measured:
        fails = outcome(one) == "fail"
        for verdict in one.verdicts:
            if not ((verdict.failed and fails) or verdict.status == "inconclusive"):
                continue
            severity = "major" if verdict.failed else "info"
            if verdict.failed:
                explained.add(one.test)
            about = (one.key, verdict.kind, verdict.metric, f"{verdict.limit}")
            yield _issue(run, one, items.get(one.test), folder, verdict.message, severity, about)
    for item in run.tests:
        if item.outcome in (*FAILED, "unfinished") and item.test not in explained:
            why = "the run ended before it did" if item.outcome == "unfinished" else "see the log"
            text = f"{item.key} {item.outcome}: {item.reason or why}"
            yield _issue(run, item, item, folder, text, "critical", (item.key, item.outcome))


def _issue(
    run: RunRecord,
    one: Measured | ItemRecord,
    item: ItemRecord | None,
    folder: str,
    text: str,
    severity: str,
    about: tuple[str, ...],
) -> dict[str, Any]:
    # Numbers and lines are left out, so that GitLab finds the issue again in the next pipeline.
    parts = "\0".join((run.hardware_class, run.backend, *about))
    path = PurePosixPath(folder, one.test.partition("::")[0])
    return {
        "description": shortened(f"{text} ({run.backend} on {run.device})", MAX_CHARACTERS),
        "check_name": f"trtperf/{about[1]}",
        "fingerprint": hashlib.sha256(parts.encode("utf-8", "replace")).hexdigest(),
        "severity": severity,
        "location": {
            "path": str(path),
            "lines": {"begin": (item.line if item else None) or 1},
        },
    }
