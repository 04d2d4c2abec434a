"""Which engines of a run show what the machine is like, since nothing of theirs has changed."""

from __future__ import annotations

import math
from collections.abc import Mapping

from pytest_trtperf.analysis.change import Change
from pytest_trtperf.analysis.gates import Gate
from pytest_trtperf.analysis.shift import Controls
from pytest_trtperf.baseline.schema import BaselineEntry
from pytest_trtperf.judge.race import Race, changed_software
from pytest_trtperf.judge.subject import Subject

Changes = Mapping[Gate, Change]


def is_control(subject: Subject, baseline: BaselineEntry) -> bool:
    """Whether the engine is that of the baseline, run by the same software."""
    changed = changed_software(baseline.runs[-1].software, subject.software)
    return not changed and subject.engine.digest == baseline.engine


def count_engine(controls: Controls, changes: Changes) -> None:
    """Takes an engine that is a control."""
    for gate, change in changes.items():
        controls.add(gate.name, _worse(gate, change.current, change.baseline))


def count_reference(controls: Controls, changes: Changes, race: Race) -> None:
    """Takes the other engine of a race: it is the one that the baseline was recorded with.

    With other software it shows that, too, and not only the machine.
    """
    if race.doubt or race.software:
        return
    for gate, change in changes.items():
        if ratio := race.ratios.get(gate.name):
            controls.add(gate.name, _worse(gate, ratio.reference, change.baseline))


def _worse(gate: Gate, now: float, then: float) -> float:
    """How much worse than it was, a logarithm."""
    return (-1 if gate.kind == "throughput" else 1) * math.log(now / then)
