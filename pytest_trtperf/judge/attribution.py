"""What else changed since a baseline was recorded: it explains a verdict, and never excuses it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

import numpy as np

from pytest_trtperf.analysis.layers import compare_layers
from pytest_trtperf.analysis.percent import signed_percent
from pytest_trtperf.backend.session import Kernels
from pytest_trtperf.baseline.schema import BaselineEntry, BaselineRun
from pytest_trtperf.baseline.software import changed_versions
from pytest_trtperf.measure.host_state import CONTENDED, mean_contention
from pytest_trtperf.record.model import RoundRecord
from pytest_trtperf.text import counted

READING_TOLERANCE = 0.01
MOST_LAYERS = 5
_DIGITS = 12
LEAST_SHARE = 0.01
"""Share of what all slower layers add: a layer that adds less is not named."""


def differences(
    baseline: BaselineEntry,
    *,
    digest: str,
    plan_sha256: str,
    software: Mapping[str, str],
    rounds: Sequence[RoundRecord],
    layers: Mapping[str, float],
    tactics: Mapping[str, str],
    kernels: Kernels | None = None,
) -> list[str]:
    """A line for each thing that differs from the baseline's last run, the likeliest cause first.

    Args:
        digest, plan_sha256: of the engine that was measured now.
        layers: median milliseconds by name. tactics: by layer. Empty where they are not known.
        kernels: those that TensorRT for RTX compiled; None where there are none.
    """
    last = baseline.runs[-1]
    return [
        *_engine(baseline, last, digest, plan_sha256, software),
        *_kernels(last, kernels),
        *_software(last.software, software),
        *_device(last, rounds),
        *_tactics(last.tactics, tactics),
        *_slower_layers(last.layers, layers),
    ]


def _engine(
    baseline: BaselineEntry,
    last: BaselineRun,
    digest: str,
    plan_sha256: str,
    software: Mapping[str, str],
) -> Iterator[str]:
    if digest != baseline.engine:
        # The baseline is of this GPU's product, so that versions are all else that may be why.
        if changed_versions(last.software, software, besides=("python",)):
            yield "the engine is another: its model, its build options or a version below changed"
        else:
            yield "the model or its build options changed"
    elif plan_sha256 != last.plan:
        yield "the plan's bytes differ: the same model was built anew"


def _kernels(last: BaselineRun, now: Kernels | None) -> Iterator[str]:
    if now and runs_other_kernels(last, now):
        then = [session.kernels_digest for session in last.sessions if session.kernels_digest]
        yield (
            f"other kernels run than in the baseline: {(then[-1] or '')[:_DIGITS]} there, "
            f"{(now.digest or '')[:_DIGITS]} here, compiled anew"
        )


def runs_other_kernels(last: BaselineRun, now: Kernels | None) -> bool:
    """Whether the kernels are surely not those of a baseline's run."""
    then = {session.kernels_digest for session in last.sessions if session.kernels_digest}
    if now is None or not (now.digest and then):
        return False
    # A runtime cache that only grew since still has the kernels of that time.
    return not {now.digest, *now.stages} & then


def doubts(baseline: BaselineEntry) -> Iterator[str]:
    """What makes the baseline itself doubtful: it may be slower than its engine."""
    lost = mean_contention(round.contention for round in baseline.rounds)
    if lost is not None and lost >= CONTENDED:
        yield (
            f"other processes took {lost:.0%} of the time when the baseline was recorded, so that "
            "it may hide a regression: record it anew on a free machine"
        )
    if unsteady := sum(not run.steady for run in baseline.runs):
        yield (
            f"recorded before the numbers were steady: {unsteady} of the baseline's "
            f"{counted(len(baseline.runs), 'run')}; record anew"
        )


def _software(then: Mapping[str, str], now: Mapping[str, str]) -> Iterator[str]:
    for name, stored, here in changed_versions(then, now):
        yield f"{name}: {stored} in the baseline, {here} here"


def _device(last: BaselineRun, rounds: Sequence[RoundRecord]) -> Iterator[str]:
    clocks = [round.sm_clock_mhz for round in last.rounds]
    yield from _reading("SM clock", "MHz", clocks, [r.after.get("sm_clock_mhz") for r in rounds])
    limits = [round.after.get("power_limit_w") for round in rounds]
    yield from _reading("power limit", "W", [last.power_limit_w], limits)
    now = rounds[-1].after.get("other_processes") if rounds else None
    if None not in (last.other_contexts, now) and now != last.other_contexts:
        yield (
            f"other processes with a CUDA context: {last.other_contexts} in the baseline, {now} "
            "here: even an idle one moves the engine's memory, which can change its speed by a few "
            "per cent"
        )


def _reading(
    name: str, unit: str, stored: Sequence[float | None], read: Sequence[float | None]
) -> Iterator[str]:
    then, now = _middle(stored), _middle(read)
    if then and now and abs(now / then - 1) > READING_TOLERANCE:
        change = signed_percent(now / then - 1, 0)
        yield f"{name}: {then:.0f} {unit} in the baseline, {now:.0f} here ({change})"


def _middle(values: Sequence[float | None]) -> float | None:
    known = [value for value in values if value is not None]
    return float(np.median(known)) if known else None


def _tactics(then: Mapping[str, str], now: Mapping[str, str]) -> Iterator[str]:
    changed = [name for name in now if name in then and now[name] != then[name]]
    for name in changed[:MOST_LAYERS]:
        yield f"tactic of layer {name}: {then[name]} in the baseline, {now[name]} here"
    if rest := changed[MOST_LAYERS:]:
        yield f"another tactic of {counted(len(rest), 'more layer')}"


def _slower_layers(before: Mapping[str, float], after: Mapping[str, float]) -> Iterator[str]:
    if not (before and after):
        return
    slower = [change for change in compare_layers(before, after) if change.change_ms > 0]
    least = LEAST_SHARE * sum(change.change_ms for change in slower)
    named = [change for change in slower if change.change_ms >= least][:MOST_LAYERS]
    for change in named:
        then = "new" if change.before_ms is None else f"{change.before_ms:.4g} ms before"
        yield (
            f"layer {change.name}: {change.change_ms:+.4g} ms, "
            f"{change.share:.0%} of the change ({then})"
        )
    if rest := slower[len(named) :]:
        added = sum(change.change_ms for change in rest)
        yield f"{counted(len(rest), 'more layer')} that got slower: {added:+.4g} ms together"
