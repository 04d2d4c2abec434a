"""Ways in which a run ends before its time."""

from __future__ import annotations

from tests.green.way import AFTER, FAILED, INTERRUPTED, NOTHING, PLAIN, Way, strict

STOPS = Way(
    PLAIN + """
    def test_last():
        import pytest
        pytest.exit("enough", returncode=0)
    """, FAILED, ("*pytest.exit ended the run as if none had*",), recorded=PLAIN,
)  # fmt: skip

NO_TIME = Way(
    status=NOTHING,
    words=("*not measured, since no time was left*",),
    arguments=("--trtperf-time-limit=0.0001",),
)  # fmt: skip

INTERRUPTING = {
    "Ctrl-C afterwards": Way(
        PLAIN + "\n    def test_last():\n        raise KeyboardInterrupt\n",
        INTERRUPTED,
        ("*KeyboardInterrupt*",),
        process=True,
        recorded=PLAIN,
    ),
    "pytest.exit": STOPS,
    "pytest.exit in the test": Way(
        AFTER.format(after='pytest.exit("enough", returncode=0)'),
        NOTHING,
        ("*stopped before all tests had run*",),
        recorded=PLAIN,
    ),
    "another test fails first": Way(
        "    def test_first():\n        assert 0\n" + PLAIN,
        words=("*assert 0*",),
        recorded=PLAIN,
        arguments=["-x"],
    ),
    "another test fails afterwards": Way(
        PLAIN + "\n    def test_last():\n        assert 0\n",
        words=("*assert 0*",),
        recorded=PLAIN,
        arguments=["-x"],
    ),
    "no time": NO_TIME,
    "no time, strict": strict(NO_TIME, "*no time left*--trtperf-strict fails it*"),
    "a session that ends": Way(
        PLAIN,
        words=("*enough*",),
        status=INTERRUPTED,
        recorded=PLAIN,
        files={
            "test_a_first.py": """
    def test_first(request):
        if request.config.getoption("trtperf_update") is not True:
            request.session.shouldstop = "enough"
    """
        },
    ),
    "a worker that crashes": Way(
        PLAIN + "\n    def test_last():\n        import os\n        os._exit(0)\n",
        words=("*crashed*",),
        recorded=PLAIN,
        arguments=["-n1"],
        process=True,
    ),
}
