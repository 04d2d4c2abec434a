"""From samples to numbers and verdicts: pure functions over arrays, no I/O, no pytest.

summary           percentiles and figures of one sample
metrics           names of metrics
verdict           the answer of a gate as a value
budget            is a percentile or the throughput within an absolute limit?
regression        is a metric worse than its baseline by more than a tolerance?
gates             which numbers are compared with the baseline
paired            the ratio of two engines measured in turns
max_qps           the highest request rate at which a percentile holds
diagnosis         trtexec's warnings about a measurement, trends over its rounds, a late load
distribution      modes and outliers of its queries
layers            the time of each layer, and its share of the whole
precision         the types that an engine computes in
closeness         how far two outputs are apart, and the default tolerances
rounding          how far they may be where sums cancel
similarity        whether they point the same way and have the same best classes
night_watch       the nights at which the level of a series changed, as they come
night_state       what it compares with on a night, and the sums that raise a change
night_memory      what it knew before the last night
first_nights      whether the first nights of a series have two levels
night_density     how likely odd nights are, over all series
night_noise       what nights differ by though nothing changed, each series helped by all
level_shift       when a level changed, and by how much
episodes          stretches of nights at a worse or better level
"""

from __future__ import annotations
