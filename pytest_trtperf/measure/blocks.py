"""Two measurements in turns: blocks of new, reference, reference, new."""

from __future__ import annotations

from contextlib import AbstractContextManager

from pytest_trtperf.analysis.paired import BLOCK_LOOKS
from pytest_trtperf.measure.measurement import Measurement
from pytest_trtperf.measure.turn import start_anew


class Blocks:
    """Adds blocks of rounds to two measurements.

    Sessions in processes of their own are started anew for each block, the first too, in the other
    order each time. Processes differ by more than the rounds of one, so that a block is one
    observation of what starts differ by; and on an NVIDIA H200 the engine whose process came first
    was slower than itself by 0.3 %. Sessions that were started one by one, beside others, differed
    from all later ones by 1 %.

    Args:
        max_time: seconds, of the rounds of a side.
        lock: held over whole blocks, within which nothing else is to disturb either.

    Attributes:
        new_first: of each block, whether the new engine's session was started first.
    """

    def __init__(
        self,
        new: Measurement,
        reference: Measurement,
        max_time: float,
        lock: AbstractContextManager[object],
    ) -> None:
        self._measurements = new, reference
        self._max_time, self._lock = max_time, lock
        self.new_first: list[bool] = []
        self._restarts = new.session.can_restart and reference.session.can_restart
        # The first turn makes it True where there is one.
        self._is_new_first = not self._restarts
        self._spent_s = self._block_s = 0.0

    def __len__(self) -> int:
        """How many blocks there are, with two rounds of either engine each."""
        return len(self.new_first)

    def extend(self, blocks: int) -> bool:
        """Measures until there are so many blocks; False if the time limit or the load stopped it.

        The time limit holds for all sessions of a side, and after the first look for the whole
        pair if its sessions restart. A block that was cut short is the last: rounds after it would
        belong to other blocks.

        Raises:
            MeasurementError: the device failed, or a session cannot be started.
        """
        clock = self._measurements[0].session.clock
        with self._lock:
            while len(self) < blocks:
                if any(len(one.rounds) != 2 * len(self) for one in self._measurements):
                    return False
                if len(self) and not self._fits():
                    return False
                begun = clock()
                if self._restarts:
                    self._turn()
                if not self._measure_block():
                    return False
                self._block_s = clock() - begun
                self._spent_s += self._block_s
                self.new_first.append(self._is_new_first)
        return True

    def _measure_block(self) -> bool:
        """Adds rounds of new, reference, reference, new; False if a round is missing."""
        new, reference = self._measurements
        if self._restarts:
            # On an NVIDIA H200 an engine was 6 % slower until another had run after its start.
            reference.warm_session()
        return all(
            measurement.extend(len(measurement.rounds) + rounds)
            for measurement, rounds in ((new, 1), (reference, 2), (new, 1))
        )

    def _fits(self) -> bool:
        """Whether another block ends within the time limit.

        Of the blocks of the first look the rounds alone count: without them there is no verdict.
        """
        measured = max(one.seconds for one in self._measurements)
        if measured * (1 + 1 / len(self)) > self._max_time:
            return False
        if len(self) < BLOCK_LOOKS[0] or not self._restarts:
            return True
        return self._spent_s + self._block_s <= self._max_time

    def _turn(self) -> None:
        """Starts both sessions anew, in the other order."""
        self._is_new_first = not self._is_new_first
        start_anew(
            [one.session for one in self._measurements],
            (0, 1) if self._is_new_first else (1, 0),
            lambda place, session: self._measurements[place].renew(session),
        )
