"""Reading records and baselines as the plain data that JSON gives."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any


def rounds_of(measured: Mapping[str, Any]) -> list[dict[str, Any]]:
    """The rounds of all sessions: of a measurement, or of a run of a baseline."""
    return [round for session in measured["sessions"] for round in session["rounds"]]
