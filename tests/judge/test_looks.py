"""When a comparison measures on, and what it judges then."""

from __future__ import annotations

from collections.abc import Callable

import msgspec
import pytest

from pytest_trtperf.analysis.regression import LOOKS
from pytest_trtperf.analysis.summary import QUANTILES
from pytest_trtperf.record.model import RoundRecord
from tests.judge.compared import rounds, verdicts


def test_tail_that_others_made_worse_ends_no_measurement() -> None:
    looks: list[int] = []
    tail = QUANTILES.index(0.99)
    uncertain = [
        msgspec.structs.replace(
            one, quantiles={"latency": [*one.quantiles["latency"][:tail], *[3.0] * (21 - tail)]}
        )
        for one in rounds(1.05, 0.005, contention=0.02)
    ]

    def extend(look: int) -> bool:
        looks.append(look)
        return True

    found = verdicts(now=uncertain, extend=extend)
    assert "(5 rounds, 5000 queries" in found["latency P99"].message
    assert found["latency P99"].reason == "contended"
    assert looks == list(LOOKS[1:])


def more(slowdown: float, taken: list[RoundRecord]) -> Callable[[int], bool]:
    """Measures further rounds, of an engine that takes so much longer."""

    def extend(look: int) -> bool:
        taken.extend(rounds(slowdown, 0.001)[: look - len(taken)])
        return len(taken) == look

    return extend


def with_open_throughput() -> list[RoundRecord]:
    """Rounds like the baseline's, except for a throughput that is too close to decide."""
    return [
        msgspec.structs.replace(one, throughput=slower.throughput)
        for one, slower in zip(rounds(1.0, 0.001), rounds(1.05, 0.01), strict=True)
    ]


def test_conclusive_verdict_never_changes() -> None:
    taken = with_open_throughput()
    found = verdicts(now=taken, extend=more(2.0, taken))
    assert len(taken) > LOOKS[0]
    for gate in ("latency median", "latency P99"):
        assert found[gate].status == "pass"
        assert found[gate].change == pytest.approx(0, abs=0.01)
        assert "(5 rounds, 5000 queries" in found[gate].message
    assert f"({len(taken)} rounds, {len(taken)}000 queries" in found["throughput"].message


def test_failure_ends_the_measurement_though_others_are_open() -> None:
    taken = [
        msgspec.structs.replace(one, quantiles=slow.quantiles)
        for one, slow in zip(with_open_throughput(), rounds(2.0, 0.001), strict=True)
    ]
    found = verdicts(now=taken, extend=more(1.0, taken))
    assert len(taken) == LOOKS[0]
    assert found["latency median"].status == "fail"


def test_gates_that_the_host_bounds_are_not_measured_on() -> None:
    taken = with_open_throughput()
    found = verdicts(now=taken, extend=more(1.0, taken), host_bound=True)
    assert len(taken) == LOOKS[0]
    assert found["latency P99"].status == "pass"
    for gate in ("latency median", "throughput"):
        assert (found[gate].status, found[gate].reason) == ("inconclusive", "enqueue_bound")
        assert "this measures the host, not the model" in found[gate].message


def test_p99_of_a_host_bound_measurement_is_measured_on_alone() -> None:
    taken = rounds(1.1, 0.01)
    found = verdicts(now=taken, extend=more(1.0, taken), host_bound=True)
    assert len(taken) > LOOKS[0]
    assert f"({len(taken)} rounds" in found["latency P99"].message
    assert "(5 rounds" in found["latency median"].message
    assert "(5 rounds" in found["throughput"].message


def test_doubt_leaves_all_open_and_measures_nothing() -> None:
    taken = with_open_throughput()
    found = verdicts(now=taken, extend=more(1.0, taken), doubt="not steady after 1 s")
    assert len(taken) == LOOKS[0]
    assert {(one.status, one.reason) for one in found.values()} == {("inconclusive", "doubtful")}
    assert all("not steady after 1 s" in one.message for one in found.values())


def test_time_limit_ends_the_looks() -> None:
    taken, looks = with_open_throughput(), []

    def extend(look: int) -> bool:
        looks.append(look)
        return False

    found = verdicts(now=taken, extend=extend)["throughput"]
    assert (found.status, found.reason) == ("inconclusive", "overlaps_limit")
    assert "the limit lies within the interval: measure for longer" in found.message
    assert looks == [LOOKS[1]]
