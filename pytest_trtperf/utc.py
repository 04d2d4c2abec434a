"""Times as this package writes them: UTC, to the second, such as 2026-03-04T05:06:07Z."""

from __future__ import annotations

import time
from datetime import datetime, timezone

_FORMAT = "%Y-%m-%dT%H:%M:%SZ"


def utc_text(seconds: float) -> str:
    """A moment, given in seconds since the epoch."""
    return datetime.fromtimestamp(seconds, timezone.utc).strftime(_FORMAT)


def utc_now() -> str:
    """The present time."""
    return utc_text(time.time())


def utc_seconds(text: str) -> float:
    """Seconds since the epoch.

    Raises:
        ValueError: the text is not written like this.
    """
    return datetime.strptime(text, _FORMAT).replace(tzinfo=timezone.utc).timestamp()
