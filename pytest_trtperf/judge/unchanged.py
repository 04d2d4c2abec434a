"""Whether a test asks for what its baseline was recorded with: then nothing need be measured."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from pytest_trtperf.baseline.schema import BaselineEntry
from pytest_trtperf.engine.shapes import Shape, format_shape
from pytest_trtperf.record.model import EngineRecord


def engine_changes(
    entry: BaselineEntry,
    engine: EngineRecord,
    shapes: Mapping[str, Shape],
    software: Mapping[str, str],
    stored_kernels: Sequence[str] = (),
) -> Iterator[str]:
    """What differs from the newest run of a baseline, before anything is measured.

    Args:
        shapes: those that the test gives.
        stored_kernels: digests of the kernels that a session would be given, as far as known.
    """
    last = entry.runs[-1]
    if engine.digest != entry.engine:
        yield "another model, other build options, another version or GPU"
    elif engine.plan_sha256 != last.plan:
        yield "the plan was built anew"
    for name, shape in shapes.items():
        if (then := entry.shapes.get(name)) != list(shape):
            before = "none" if then is None else format_shape(tuple(then))
            yield f"shape of {name} {before} -> {format_shape(shape)}"
    yield from _texts(last.software, software)
    if any(session.kernels for session in last.sessions):
        known = {*(stored_kernels or ())}
        if not all(one.kernels_digest in known for one in last.sessions):
            yield "other kernels than in the baseline, or it is not known which"


def asked_changes(entry: BaselineEntry, asked: Mapping[str, str]) -> Iterator[str]:
    """What a test asks for that is not what it asked for when the baseline was recorded."""
    then = entry.runs[-1].asked
    if not then:
        yield (
            "the baseline does not say all that the test asked for: the test read numbers, a "
            "verdict was open or caught, or an earlier version recorded it"
        )
        return
    if not asked.get("code"):
        yield "the code of the test cannot be read"
    yield from _texts(then, asked)


def _texts(then: Mapping[str, str], now: Mapping[str, str]) -> Iterator[str]:
    for name in sorted(then.keys() | now.keys()):
        before, after = then.get(name), now.get(name)
        if before == after:
            continue
        if name == "code":
            yield "other code of the test, its fixtures or hooks"
        elif name.startswith("input "):
            yield f"other values of {name}"
        else:
            yield f"{name} {_shown(before)} -> {_shown(after)}"


def _shown(text: str | None) -> str:
    return "none" if text is None else text or "given"
