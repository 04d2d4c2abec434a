"""The JSON Schema of a record, which `run.schema.json` in this package holds."""

from __future__ import annotations

import inspect
from typing import Any

import msgspec

from pytest_trtperf.record.model import MergedRecord, RunRecord

FILE = "run.schema.json"


def record_schema() -> dict[str, Any]:
    """The schema of what `--trtperf-json` and `trtperf merge` write (JSON Schema 2020-12)."""
    schema = {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "record of pytest-trtperf",
        **msgspec.json.schema(RunRecord | MergedRecord),
    }
    plain: dict[str, Any] = same_for_all_versions(schema)
    return plain


def same_for_all_versions(value: Any) -> Any:
    """Python and msgspec differ by version in the order of choices and the indent of docstrings."""
    if isinstance(value, dict):
        plain = {name: same_for_all_versions(inner) for name, inner in sorted(value.items())}
        if isinstance(description := plain.get("description"), str):
            plain["description"] = " ".join(inspect.cleandoc(description).split())
        if isinstance(choices := plain.get("anyOf"), list):
            plain["anyOf"] = sorted(choices, key=repr)
        return plain
    return [same_for_all_versions(inner) for inner in value] if isinstance(value, list) else value
