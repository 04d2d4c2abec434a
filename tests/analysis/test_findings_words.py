"""What findings say, word by word: people act on it."""

from __future__ import annotations

import pytest

from pytest_trtperf.analysis.diagnosis import (
    FindingCode,
    diagnose,
    kernels_differ,
    kernels_not_kept,
    late,
    sessions_differ,
    too_few_queries,
)

HEALTHY = {"enqueue": 0.1, "h2d": 0.2, "gpu_compute": 1.0, "d2h": 0.2}


def test_each_bottleneck_has_its_numbers() -> None:
    messages = [
        finding.message
        for finding in diagnose({"enqueue": 2.0, "h2d": 2.5, "gpu_compute": 1.5, "d2h": 3.0}, 0.0)
    ]
    assert messages == [
        "bound by the host: enqueue takes 2 ms against 1.5 ms of GPU compute; use cuda_graph",
        "bound by copies to the GPU: h2d takes 2.5 ms against 1.5 ms of GPU compute",
        "bound by copies from the GPU: d2h takes 3 ms against 1.5 ms of GPU compute",
    ]


def test_metrics_that_a_backend_lacks_bound_nothing() -> None:
    assert diagnose({"gpu_compute": 0.5}, 0.0) == []
    assert diagnose({"gpu_compute": 0.0, "h2d": 0.0, "d2h": 0.0}, 0.0) == []


def test_unstable_times_name_the_limit() -> None:
    (finding,) = diagnose(HEALTHY, 0.05)
    assert finding.message == (
        "GPU compute time is unstable: its coefficient of variation is 5% (above 2.5%); "
        "lock the clocks or look for other work on it"
    )


def test_detailed_verbosity_is_news_where_enqueue_bounds() -> None:
    bound = {**HEALTHY, "enqueue": 2.0, "h2d": 2.0}
    found = diagnose(bound, 0.0, names_layers=True)
    assert [one.code for one in found] == ["enqueue_bound", "detailed_verbosity", "h2d_bound"]
    assert found[1].message == (
        'the engine was built with profiling_verbosity="detailed", which makes enqueue slower, and '
        "enqueue is what it is bound by: measure one without it, and keep this one for its layers"
    )
    copies = diagnose({**HEALTHY, "h2d": 2.0}, 0.0, names_layers=True)
    assert [one.code for one in copies] == ["h2d_bound"]


def test_too_few_queries_say_how_sure_more_would_be() -> None:
    found = too_few_queries(99, 10, alpha=0.1)
    assert found is not None
    assert found.message == (
        "P99 rests on 10 queries: at least 230 are needed to bound it at 90% confidence; "
        "measure longer"
    )


def test_sessions_that_are_far_apart_are_listed() -> None:
    assert sessions_differ([1.0, 1.019]) is None
    found = sessions_differ([1.0, 1.05, 1.02])
    assert found is not None
    assert found.code is FindingCode.SESSIONS_DIFFER
    assert found.share == pytest.approx(0.05)
    assert found.message == (
        "the medians of 3 sessions are 5% apart, which users see, too, from one process to the "
        "next: 1, 1.05, 1.02 ms"
    )


def test_kernels_of_sessions_are_listed_where_all_are_known() -> None:
    found = sessions_differ([1.0, 1.05], ["fresh", "cached"])
    assert found is not None
    assert found.message.endswith(": 1 (kernels fresh), 1.05 (kernels cached) ms")
    unknown = sessions_differ([1.0, 1.05], ["fresh", None])
    assert unknown is not None
    assert unknown.message.endswith(": 1, 1.05 ms")


def test_compiled_kernels_that_differ_have_both_times() -> None:
    found = kernels_differ(2.2, 2.0)
    assert found is not None
    assert found.share == pytest.approx(0.1)
    assert found.message == (
        "a session that had just compiled its kernels took 2.2 ms, those that take them from the "
        "cache take 2 ms (compiled +10.0%): users of the model see the same, so choose with "
        "kernels= what runs in production"
    )


def test_kernels_that_are_not_kept_say_why() -> None:
    found = kernels_not_kept(1, 3, stored=False)
    assert found is not None
    assert found.message == (
        "1 of 3 sessions compiled kernels anew (kernels fresh), and they are not kept: the engine "
        "cache cannot be written, or the plan is not in it. Where kernels are stored, other ones "
        "are measured"
    )


def test_lateness_is_the_p99() -> None:
    found = late([0.0] * 900 + [1.0] * 95 + [50.0] * 5)
    assert found is not None
    assert "more than 0.02 ms after they were due (P99 1 ms)" in found.message
