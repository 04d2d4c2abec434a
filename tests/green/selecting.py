"""Ways of choosing tests, and options of pytest."""

from __future__ import annotations

from tests.green.stored import beside, repeat
from tests.green.way import (
    INTERRUPTED,
    NO_BASELINE,
    NOTHING,
    PASSED,
    PLAIN,
    REGRESSED,
    USAGE,
    Way,
)

SELECTING = {
    "-k": Way(arguments=["-k", "it"], with_workers=True),
    "-k of nothing": Way(status=NOTHING, words=("*1 deselected*",), arguments=["-k", "other"]),
    "-m trtperf": Way(arguments=["-m", "trtperf"], with_workers=True),
    "-m not trtperf": Way(
        status=NOTHING, words=("*1 deselected*",), arguments=["-m", "not trtperf"]
    ),
    "a node id": Way(arguments=["test_perf.py::test_it"], with_workers=True),
    "a wrong node id": Way(
        status=USAGE, words=("*not found*",), arguments=["test_perf.py::test_other"]
    ),
    "a wrong path": Way(status=USAGE, words=("*not found*",), arguments=["test_other.py"]),
    "a directory": Way(arguments=["."]),
    "the path twice": Way(arguments=["test_perf.py", "test_perf.py"]),
    "--keep-duplicates": Way(arguments=["--keep-duplicates", "test_perf.py", "test_perf.py"]),
    "--deselect": Way(
        status=NOTHING, words=("*1 deselected*",), arguments=["--deselect", "test_perf.py::test_it"]
    ),
    "--ignore": Way(status=NOTHING, words=("*no tests ran*",), arguments=["--ignore=test_perf.py"]),
    "--lf": Way(arguments=["--lf"]),
    "--ff": Way(arguments=["--ff"]),
    "--nf": Way(arguments=["--nf"]),
    "--stepwise": Way(arguments=["--stepwise"]),
    "-x": Way(arguments=["-x"]),
    "--maxfail": Way(arguments=["--maxfail=1"]),
    "--collect-only": Way(
        status=PASSED, words=("*1 test collected*",), arguments=["--collect-only"]
    ),
    "--setup-plan": Way(status=PASSED, words=("*trt_measure*",), arguments=["--setup-plan"]),
    "--setup-only": Way(status=PASSED, words=("*trt_measure*",), arguments=["--setup-only"]),
    "--setup-show": Way(arguments=["--setup-show"]),
    "-q": Way(arguments=["-q"], with_workers=True),
    "-qq": Way(arguments=["-qq"], words=("*gpu_compute median regressed*",)),
    "-v": Way(arguments=["-v"], with_workers=True),
    "-s": Way(arguments=["-s"]),
    "--tb=no": Way(arguments=["--tb=no"], words=("*FAIL gpu_compute median*",)),
    "--tb=line": Way(arguments=["--tb=line"]),
    "--tb=native": Way(arguments=["--tb=native"]),
    "--no-summary": Way(arguments=["--no-summary"], words=()),
    "--no-header": Way(arguments=["--no-header"]),
    "-W error": Way(arguments=["-W", "error"]),
    "--disable-warnings": Way(arguments=["--disable-warnings"]),
    "--import-mode": Way(arguments=["--import-mode=importlib"]),
    "--strict-markers": Way(arguments=["--strict-markers"]),
    "--strict-config": Way(arguments=["--strict-config"]),
    "--durations": Way(arguments=["--durations=3"]),
    "--junitxml": Way(arguments=["--junitxml=junit.xml"], with_workers=True),
    "--basetemp": Way(arguments=["--basetemp=made"]),
    "-o xfail_strict": Way(arguments=["-o", "xfail_strict=true"]),
    "-p no:terminal": Way(arguments=["-p", "no:terminal"], words=()),
    "-p no:cacheprovider": Way(arguments=["-p", "no:cacheprovider"]),
    "-p no:warnings": Way(arguments=["-p", "no:warnings"]),
    "-p no:logging": Way(arguments=["-p", "no:logging"]),
    "-p no:junitxml": Way(arguments=["-p", "no:junitxml"]),
    "-p no:unittest": Way(arguments=["-p", "no:unittest"]),
    "-p no:faulthandler": Way(arguments=["-p", "no:faulthandler"]),
    "-p no:capture": Way(arguments=["-p", "no:capture"]),
    "-p no:xdist": Way(arguments=["-p", "no:xdist"]),
    "-p no:trtperf": Way(
        status=USAGE,
        words=("*unrecognized arguments*--trtperf*",),
        process=True,
        arguments=["-p", "no:trtperf"],
    ),
    "a broken module beside it": Way(
        status=INTERRUPTED,
        words=("*ERROR*test_broken.py*",),
        prepare=lambda path: (path / "test_broken.py").write_text("import nothing_of_this_name\n"),
    ),
    "a broken module beside it, continued": Way(
        words=("*ERROR*test_broken.py*", REGRESSED),
        arguments=["--continue-on-collection-errors"],
        prepare=lambda path: (path / "test_broken.py").write_text("import nothing_of_this_name\n"),
    ),
    "repeated by parameters of a plugin": Way(
        status=PASSED,
        words=(NO_BASELINE, "*there is a baseline of test_perf.py::test_it, and this is another*"),
        recorded=PLAIN,
        prepare=repeat,
    ),
    "repeated by parameters of a plugin, required": Way(
        words=("*has no baseline*--trtperf-require-baseline asks for one*",),
        arguments=["--trtperf-require-baseline"],
        prepare=repeat,
    ),
    "a module outside of rootdir, of the same name": Way(
        words=("*/other/test_perf.py would share the baselines of */test_perf.py, since *",),
        arguments=["other", "--import-mode=importlib", "--rootdir=root", "-c", "pytest.ini"],
        prepare=beside,
    ),
    "run twice by a plugin": Way(
        files={
            "conftest.py": """
    from _pytest.runner import runtestprotocol
    def pytest_runtest_protocol(item, nextitem):
        item.ihook.pytest_runtest_logstart(nodeid=item.nodeid, location=item.location)
        for _ in range(2):
            for report in runtestprotocol(item, nextitem=nextitem, log=False):
                item.ihook.pytest_runtest_logreport(report=report)
        item.ihook.pytest_runtest_logfinish(nodeid=item.nodeid, location=item.location)
        return True
    """
        },
    ),
    **{
        f"a group of workers named {group}": Way(
            f"""
    import pytest
    @pytest.mark.xdist_group("{group}")
    def test_it(trt_engine, trt_measure):
        trt_measure(trt_engine("model.onnx"))
            """,
            arguments=["-n2", "--dist=loadgroup"],
            ini=["markers = xdist_group"],
            recorded=PLAIN,
        )
        for group in ("gpu", "a:b/c", "[0]", "x@y")
    },
}
