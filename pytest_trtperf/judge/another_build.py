"""What a race with another build of the same model says of the one that is slower."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from pytest_trtperf.analysis.gates import Gate
from pytest_trtperf.analysis.percent import percent_interval, signed_percent
from pytest_trtperf.analysis.verdict import Status
from pytest_trtperf.judge.race import Race

_WORDS = {
    Status.FAIL: "this build is slower, not this model",
    Status.PASS: "not only this build is slower",
    Status.INCONCLUSIVE: "whether only this build is slower is open",
}


def build_lines(race: Race, gates: Sequence[tuple[Gate, float]]) -> Iterator[str]:
    """A line for the first number that the race shows.

    Args:
        race: of the slower build with another one.
        gates: each with its tolerance.
    """
    for gate, tolerance in gates:
        if (answer := race.answer(gate, tolerance)) is None:
            continue
        ratio = race.ratios[gate.name]
        interval = percent_interval(ratio.lower - 1, ratio.upper - 1, 2)
        doubt = f"; {race.doubt}" if race.doubt else ""
        yield (
            f"{_WORDS[answer.status]}: another build of the same takes {ratio.reference:.5g} "
            f"{gate.unit}, and this one {ratio.new:.5g}, {signed_percent(ratio.value - 1, 2)} "
            f"{interval} ({gate.name}, race of {race.extent}{doubt})"
        )
        return
