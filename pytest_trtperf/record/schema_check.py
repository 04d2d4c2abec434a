"""Which form a file has, and why it is no record that can be read."""

from __future__ import annotations

import msgspec

from pytest_trtperf.record.model import MERGED_SCHEMA, RUN_SCHEMA
from pytest_trtperf.record.older_form import PRESENT_SCHEMAS

_KNOWN = (RUN_SCHEMA, MERGED_SCHEMA, *PRESENT_SCHEMAS)


class _Header(msgspec.Struct):
    schema: str = ""


def schema_of(data: bytes) -> str:
    """The schema of a file; empty without one."""
    try:
        return msgspec.json.decode(data, type=_Header).schema
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return ""


def why_no_record(data: bytes, error: Exception) -> str:
    """What is wrong with a file; another version comes first, since it may fail anywhere.

    Args:
        error: what decoding it raised.
    """
    if not isinstance(error, msgspec.ValidationError):
        return f"not a whole record of --trtperf-json: {error} ({len(data)} bytes)"
    schema = schema_of(data)
    if schema in _KNOWN:
        place = str(error).replace(".sessions[0]", "") if schema in PRESENT_SCHEMAS else error
        return f"not a record of --trtperf-json: {place}"
    if schema.startswith(tuple(one.partition("/")[0] + "/" for one in _KNOWN)):
        update = "update pytest-trtperf, or " if _is_later(schema) else ""
        return (
            f"the record has the schema {schema!r}, and this version of pytest-trtperf reads "
            f"{', '.join(map(repr, _KNOWN))}: {update}record it with this version"
        )
    its = f"its schema is {schema!r}" if schema else "it has no schema"
    return f"not a record of --trtperf-json, {its}: give a file that this option wrote"


def _is_later(schema: str) -> bool:
    number, newest = (one.partition("/")[2] for one in (schema, RUN_SCHEMA))
    return number.isdecimal() and (len(number), number) > (len(newest), newest)
