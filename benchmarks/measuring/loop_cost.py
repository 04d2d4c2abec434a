"""What our own code costs per query beyond the driver's calls, and that it leaves nothing behind.

    python -m benchmarks.measuring.loop_cost [--queries 100000] [--rounds 9] [--json FILE]

Needs cuda-python, and no GPU: the timed loops run on real sessions and streams over a CUDA runtime
whose calls return at once. The time per query is then all ours; an open load is always due, so that
nothing is waited for. Calling the functions that stand in for the driver's is counted as ours: the
figure is an upper bound. How much of it they take, each called in a loop of its own, is printed
beside it. Exits 1 when a target is missed:

- at most 3 us per query, with and without transfers, under a closed and an open load,
- no garbage collection in a round, not even with the collector left on,
- as many blocks of Python's memory at the end of a round as at its start, and no growth of traced
  or resident memory over 50 rounds.
"""

from __future__ import annotations

import argparse
import gc
import itertools
import json
import os
import sys
import tracemalloc
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from time import perf_counter_ns
from typing import Any

import numpy as np

from benchmarks.measuring.no_driver import NoDriver, session_without_driver
from pytest_trtperf.backend.session import Mode
from pytest_trtperf.backend.tensorrt import loop as gpu_loop
from pytest_trtperf.backend.tensorrt.session import TensorRTSession
from pytest_trtperf.backend.trace import Extent, Trace

MAX_US = 3.0
MAX_BLOCKS = 16
"""Python's own caches move by a few blocks."""
MAX_TRACED_KIB = 64.0
MAX_RESIDENT_KIB = 1024.0

ROUNDS_HELD = 50
QUERIES_HELD = 2000
SETTLED = 100
"""Queries after which a round has made all that it keeps."""

MODES = {
    "no transfers, graph": Mode(transfers=False, cuda_graph=True),
    "transfers, graph": Mode(cuda_graph=True),
    "transfers": Mode(),
}
Loop = Callable[[TensorRTSession, int], Trace]


def closed(session: TensorRTSession, queries: int) -> Trace:
    """A round under a closed load."""
    return gpu_loop.run_closed(session, Extent(0, queries, queries))


def opened(session: TensorRTSession, queries: int) -> Trace:
    """A round under an open load that is behind from the first query on."""
    return gpu_loop.run_open(session, np.zeros(queries, np.int64), backlog_ms=1e9)


LOOPS: dict[str, Loop] = {"closed": closed, "open": opened}


@dataclass(frozen=True)
class Cost:
    """Microseconds per query: of each round, and of the functions that stand in for the driver."""

    mode: str
    load: str
    rounds_us: list[float]
    stand_ins_us: float

    @property
    def us(self) -> float:
        """The median of the rounds."""
        return float(np.median(self.rounds_us))


@dataclass(frozen=True)
class Left:
    """What 50 rounds leave behind, and what one has left at its end since its start."""

    load: str
    collections: int
    collections_with_collector_on: int
    blocks_in_round: int
    traced_kib: float
    resident_kib: float

    @property
    def missed(self) -> list[str]:
        """The targets that were missed."""
        held = {
            "collections": self.collections == self.collections_with_collector_on == 0,
            "blocks": self.blocks_in_round <= MAX_BLOCKS,
            "traced": self.traced_kib <= MAX_TRACED_KIB,
            "resident": self.resident_kib <= MAX_RESIDENT_KIB,
        }
        return [name for name, kept in held.items() if not kept]


def cost_us(session: TensorRTSession, loop: Loop, queries: int) -> float:
    """Microseconds per query of one round, by the times that it stored."""
    with quiet():
        trace = loop(session, queries)
    return float(trace.done[-1] - trace.issued[0]) / 1e3 / queries


def stand_ins_us(calls: list[Callable[[], Any]], queries: int) -> float:
    """Microseconds that one query's calls take by themselves, loop included."""
    with quiet():
        start = perf_counter_ns()
        for _ in range(queries):
            for call in calls:
                call()
        return (perf_counter_ns() - start) / 1e3 / queries


@contextmanager
def quiet() -> Iterator[None]:
    """No garbage collection, as in the rounds of a measurement."""
    gc.collect()
    gc.disable()
    try:
        yield
    finally:
        gc.enable()


def collections(rounds: Callable[[], list[Trace]]) -> int:
    """How many garbage collections began between the first and the last query of a round."""
    began: list[int] = []

    def note(phase: str, _: dict[str, int]) -> None:
        if phase == "start":
            began.append(perf_counter_ns())

    gc.callbacks.append(note)
    try:
        traces = rounds()
    finally:
        gc.callbacks.remove(note)
    return sum(bool(trace.issued[0] <= at <= trace.done.max()) for trace in traces for at in began)


def blocks_in_round(session: TensorRTSession, driver: NoDriver, loop: Loop, queries: int) -> int:
    """How many more blocks of memory Python holds at the end of a round than near its start."""
    names = ("cudaEventSynchronize", "cudaEventQuery")
    real = [getattr(driver, name) for name in names]
    blocks, take = np.zeros(queries, np.int64), itertools.count().__next__
    seen = blocks.data

    def note(event: Any) -> Any:
        seen[take()] = sys.getallocatedblocks()
        return real[0](event)

    for name in names:
        setattr(driver, name, note)
    try:
        with quiet():
            loop(session, queries)
    finally:
        for name, call in zip(names, real, strict=True):
            setattr(driver, name, call)
    return int(blocks[-1] - blocks[SETTLED])


def grown_kib(held: Callable[[], float], run: Callable[[], object]) -> float:
    """What `held` gains, in KiB, over 50 calls of `run`, after a few that fill its caches."""
    for _ in range(5):
        run()
    gc.collect()
    before = held()
    for _ in range(ROUNDS_HELD):
        run()
    gc.collect()
    return (held() - before) / 1024


def resident_bytes() -> float:
    """The resident memory of this process."""
    pages = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[1])
    return float(pages * os.sysconf("SC_PAGE_SIZE"))


def left_behind(load: str, queries: int) -> Left:
    """Looks after rounds of one load, with transfers."""
    session, driver = session_without_driver(MODES["transfers, graph"])
    loop = LOOPS[load]

    def as_measured() -> Trace:
        # What a round of a measurement calls.
        if load == "closed":
            return session.run_closed(Extent(0, queries, queries))
        return session.run_open(np.zeros(queries, np.int64), 1e9)

    def short() -> None:
        loop(session, QUERIES_HELD)

    resident = grown_kib(resident_bytes, short)
    tracemalloc.start()
    traced = grown_kib(lambda: tracemalloc.get_traced_memory()[0], short)
    tracemalloc.stop()
    return Left(
        load,
        collections(lambda: [as_measured() for _ in range(3)]),
        collections(lambda: [loop(session, queries) for _ in range(3)]),
        blocks_in_round(session, driver, loop, queries),
        traced,
        resident,
    )


def main() -> int:
    """Measure, print the tables and judge."""
    parser = argparse.ArgumentParser(description="Our own code's time per query.")
    parser.add_argument("--queries", type=int, default=100_000, help="in a round (100000)")
    parser.add_argument("--rounds", type=int, default=9, help="rounds of each mode (9)")
    parser.add_argument("--json", type=Path, help="write all figures to this file")
    options = parser.parse_args()
    if options.queries <= SETTLED:
        parser.error(f"--queries: more than {SETTLED} are needed")
    print(f"Python {sys.version.split()[0]}, {options.rounds} rounds of {options.queries} queries")
    print("\n| mode | load | us per query | rounds | of it stand-ins | target |")
    print("|---|---|---|---|---|---|")
    kept, costs, left = True, [], []
    for name, mode in MODES.items():
        session, driver = session_without_driver(mode)
        calls = driver.calls(mode)
        for load, loop in LOOPS.items():
            cost_us(session, loop, options.queries)
            rounds = [cost_us(session, loop, options.queries) for _ in range(options.rounds)]
            costs.append(cost := Cost(name, load, rounds, stand_ins_us(calls, options.queries)))
            kept = kept and cost.us <= MAX_US
            print(
                f"| {name} | {load} | {cost.us:.2f} | {min(rounds):.2f} .. {max(rounds):.2f} "
                f"| {cost.stand_ins_us:.2f} "
                f"| at most {MAX_US:g}: {'kept' if cost.us <= MAX_US else 'missed'} |",
                flush=True,
            )
    print("\n| load | collections | with the collector on | blocks gained in a round ", end="")
    print(f"| traced KiB after {ROUNDS_HELD} rounds | resident KiB | target |")
    print("|---|---|---|---|---|---|---|")
    for load in LOOPS:
        left.append(one := left_behind(load, options.queries))
        kept = kept and not one.missed
        print(
            f"| {load} | {one.collections} | {one.collections_with_collector_on} "
            f"| {one.blocks_in_round} | {one.traced_kib:.1f} | {one.resident_kib:.0f} "
            f"| none: {'missed: ' + ', '.join(one.missed) if one.missed else 'kept'} |",
            flush=True,
        )
    if options.json:
        raw = {
            "costs": [asdict(cost) for cost in costs],
            "left": [asdict(one) for one in left],
        }
        options.json.write_text(json.dumps(raw, indent=1) + "\n")
    print(f"\n{'all targets kept' if kept else 'TARGETS MISSED'}")
    return 0 if kept else 1


if __name__ == "__main__":
    sys.exit(main())
