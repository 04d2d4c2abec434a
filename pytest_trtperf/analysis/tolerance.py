"""The change against a baseline that is tolerated by default; apart from `gates`, to load fast."""

from __future__ import annotations

TOLERANCE = 0.05
P99_TOLERANCE = 0.10
