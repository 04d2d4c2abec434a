"""From samples to numbers and verdicts: pure functions over arrays, no I/O, no pytest.

summary     percentiles and figures of one sample
verdict     the answer of a gate as a value
budget      is a percentile or the throughput within an absolute limit?
regression  is a metric worse than its baseline by more than a tolerance?
diagnosis   trtexec's warnings about a measurement
"""

from __future__ import annotations
