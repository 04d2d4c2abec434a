"""Baselines of the older form, in which a run had rounds and knew of no sessions."""

from __future__ import annotations

from typing import Any

OLDER_SCHEMA = "trtperf-baseline/1"

UNKNOWN_KERNELS = "unknown"
"""The state of the kernels of a session that was recorded before it was kept."""


def in_present_form(entry: Any) -> Any:
    """An entry as plain data, with the rounds of each run as those of one session.

    What has another shape stays as it is, so that reading it names its place.
    """
    if not (isinstance(entry, dict) and isinstance(entry.get("runs"), list)):
        return entry
    return {**entry, "runs": [_with_one_session(run) for run in entry["runs"]]}


def _with_one_session(run: Any) -> Any:
    if not isinstance(run, dict) or "sessions" in run:
        return run
    session = {name: run[name] for name in ("rounds", "steady") if name in run}
    kept = {name: value for name, value in run.items() if name not in session}
    return {**kept, "sessions": [{**session, "kernels": UNKNOWN_KERNELS}]}
