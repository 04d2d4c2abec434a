"""What a measurement keeps of each session: its warm-up and its rounds."""

from __future__ import annotations

from dataclasses import dataclass, field

from pytest_trtperf.backend.protocols import Session
from pytest_trtperf.backend.session import Kernels
from pytest_trtperf.backend.trace import Trace
from pytest_trtperf.measure.device_state import DeviceState


@dataclass(frozen=True)
class WarmUp:
    """How the warm-up ended.

    Attributes:
        trend: the last change between groups of windows, as a share; None with too few of them.
    """

    queries: int
    seconds: float
    steady: bool
    trend: float | None


@dataclass(frozen=True)
class Round:
    """One trace with the device's state before and after, and its bounds on the host's clock.

    Attributes:
        trace: the times of each query; `trace.samples(metric)` are a metric's, ms.
        before: the device's state before the round.
        after: the device's state after it.
        started: seconds of CLOCK_MONOTONIC, which all processes of a host share.
        ended: seconds of the same clock.
        disturbances: what affected the round besides the engine; empty for a good round.
        contention: on the CPU, the share of time that other processes took; None where unknown.
        yardstick_ms: on the CPU, what a fixed calculation took around the round, see
            `read_yardstick`; None where unknown.
    """

    trace: Trace
    before: DeviceState
    after: DeviceState
    started: float
    ended: float
    disturbances: tuple[str, ...] = ()
    contention: float | None = None
    yardstick_ms: float | None = None

    @property
    def sm_clock_mhz(self) -> float | None:
        """The SM clock right after the round, while it is still what the round ran at."""
        return self.after.sm_clock_mhz


@dataclass
class SessionRounds:
    """What was measured in one session, which is one process that loaded the engine.

    Attributes:
        cold_start_ms: the first query with its copies, by the host's clock.
        load_ms, first_answer_ms: see `Session`.
        idle_power_w: of the GPU between the first query and the warm-up; None where unknown.
        kernels: the compiled kernels that ran; None where a backend compiles none.
        rounds: what verdicts rest on.
        set_aside: disturbed rounds, which were measured again.
        warm_up: None before the first round.
    """

    cold_start_ms: float
    kernels: Kernels | None = None
    load_ms: float | None = None
    first_answer_ms: float | None = None
    idle_power_w: float | None = None
    rounds: list[Round] = field(default_factory=list)
    set_aside: list[Round] = field(default_factory=list)
    warm_up: WarmUp | None = None

    @classmethod
    def of(cls, session: Session) -> SessionRounds:
        """A session that nothing was measured in yet."""
        return cls(session.cold_start_ms, session.kernels, session.load_ms, session.first_answer_ms)

    @property
    def seconds(self) -> float:
        """Time spent in rounds so far."""
        return sum(round.ended - round.started for round in (*self.rounds, *self.set_aside))
