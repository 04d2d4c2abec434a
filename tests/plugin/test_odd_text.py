"""Names that are no text, and texts of others in a run: a clear error, and nothing lost."""

from __future__ import annotations

import xml.etree.ElementTree as ET

import pytest

ODD = ("a\x00b", "a\x1b[31m", "a\n::error::b", "\ud800", "a\x85", "\u202ea", "\u2028")


@pytest.mark.parametrize(
    "call",
    [
        "trt_measure(engine, shapes=shapes, name={name!r})",
        "trt_measure.max_qps(engine, shapes=shapes, p99_ms=9, name={name!r})",
        "trt_measure.sweep(engine, batch_sizes=[4], name={name!r})",
    ],
)
@pytest.mark.parametrize("name", [*ODD, 5, b"name", ["a"]], ids=ascii)
def test_a_name_that_is_no_text_is_refused(repository, call, name):
    repository.tests(f"""
        import pytest

        def test_model(trt_engine, trt_measure):
            engine, shapes = trt_engine("model.onnx"), {{"x": (64, 256)}}
            with pytest.raises(ValueError, match="name=.*expected a text without control"):
                {call.format(name=name)}
    """)
    result = repository.run()
    result.assert_outcomes(passed=1)


def test_ids_that_are_not_escaped_reach_no_report_as_they_are(repository):
    repository.ini("disable_test_id_escaping_and_forfeit_all_rights_to_community_support = true")
    repository.tests("""
        import pytest

        @pytest.mark.parametrize("x", [pytest.param(0, id="a\\x01\\x1b[31m\\x9b"), 1])
        def test_model(trt_engine, trt_measure, x):
            perf = trt_measure(trt_engine("model.onnx"), shapes={"x": (64, 256)}, name="模型")
            perf.assert_p99(ms=1e-4)
    """)
    result = repository.run(
        "--junitxml=junit.xml", "--trtperf-json=run.json", "--trtperf-html=run.html", "-v"
    )
    result.assert_outcomes(failed=2)
    (section,) = [
        result.outlines[at:]
        for at, line in enumerate(result.outlines)
        if "= trtperf: fake on" in line
    ]
    assert not any("\x1b[31m" in line or "\x9b" in line or "\x01" in line for line in section[:8])
    assert any(r"a\x01\x1b[31m\x9b" in line for line in section)
    names = [one.get("name") for one in ET.parse(repository.path / "junit.xml").iter("property")]
    assert "trtperf[模型].verdict" in names
    assert len(repository.measurements()) == 2
    assert (repository.path / "run.html").exists()


def test_a_lone_surrogate_in_an_id_loses_nothing(repository):
    repository.ini("disable_test_id_escaping_and_forfeit_all_rights_to_community_support = true")
    repository.tests("""
        import pytest

        @pytest.mark.parametrize("x", [pytest.param(0, id="a\\udcff"), 1])
        def test_model(trt_engine, trt_measure, x):
            trt_measure(trt_engine("model.onnx"), shapes={"x": (64, 256)})
    """)
    options = ("--trtperf-json=run.json", "--trtperf-html=run.html", "-p", "no:cacheprovider")
    assert repository.run("--trtperf-update", *options).ret == 0
    keys = ["test_perf.py::test_model[1]", r"test_perf.py::test_model[a\udcff]"]
    assert sorted(repository.baselines()) == keys
    assert repository.run(*options).ret == 0
    assert {one["baseline"] for one in repository.measurements()} == {"compared"}
    assert (repository.path / "run.html").exists()
