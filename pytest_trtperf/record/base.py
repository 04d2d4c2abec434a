"""What all records share."""

from __future__ import annotations

from typing import Any

import msgspec

from pytest_trtperf.record.text import encodable

Number = float | None


class Record(msgspec.Struct, frozen=True, kw_only=True):
    """Base of the records; `to_builtins` gives what JSON and pytest-xdist can carry."""

    def to_builtins(self) -> Any:
        """Plain dicts, lists, strings and numbers."""
        return encodable(msgspec.to_builtins(self))
