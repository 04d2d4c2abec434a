"""Values of inputs: as arrays and as files, from each place, and what cannot be one."""

from __future__ import annotations

import json

import numpy as np
import pytest

from pytest_trtperf.backend.given_inputs import inputs_digest

pytestmark = pytest.mark.usefixtures("on_cpu_here")

KEY = "test_perf.py::test_model"
SHAPE = (4, 256)


@pytest.fixture
def values(project):
    """An array for the model's input, and the same in a file of each kind."""
    array = np.random.default_rng(3).normal(size=SHAPE).astype(np.float32)
    np.save(project.path / "x.npy", array)
    np.savez(project.path / "all.npz", x=array)
    (project.path / "x.bin").write_bytes(array.tobytes())
    project.model()
    return array


@pytest.fixture
def digest(values):
    """What a record keeps of the values."""
    return inputs_digest({"x": values})


SAME = {
    "array": "inputs={'x': np.load('x.npy')}",
    "npy": "inputs={'x': 'x.npy'}",
    "path": "inputs={'x': Path('x.npy')}",
    "npz": "inputs=Path('all.npz')",
    "text": "inputs='x:x.npy'",
    "npz text": "inputs='all.npz'",
    "raw": "inputs={'x': 'x.bin'}, shapes={'x': (4, 256)}",
    "byte order": "inputs={'x': np.load('x.npy').astype('>f4')}",
    "memory order": "inputs={'x': np.load('x.npy').T.copy().T}",
}


def test_same_values_are_the_same_however_they_are_given(project, digest, measure):
    lines = (f"trt_measure(engine, name={name!r}, {given})" for name, given in SAME.items())
    body = "\n                ".join(["engine = trt_engine('model.onnx')", *lines])
    result, _ = measure("inputs='x:x.npy'", before=body)
    result.assert_outcomes(passed=1)
    records = json.loads((project.path / "run.json").read_text())["measurements"]
    assert [record["key"].partition("#")[2] for record in records] == [*SAME, ""]
    assert {record["mode"]["inputs"] for record in records} == {digest}
    assert all(record["shapes"] == {"x": list(SHAPE)} for record in records)


@pytest.mark.parametrize("source", ["mark", "mark npz", "command line", "environment", "ini"])
def test_files_are_named_at_each_place(project, digest, measure, monkeypatch, source):
    if source == "environment":
        monkeypatch.setenv("TRTPERF_INPUTS", "all.npz")
    if source == "ini":
        project.ini("trtperf_inputs = x:x.npy")
    marks = {
        "mark": "@pytest.mark.trtperf(inputs={'x': 'x.npy'})",
        "mark npz": "@pytest.mark.trtperf(inputs=Path('all.npz'))",
    }
    options = ["--trtperf-inputs=x:x.bin"] if source == "command line" else []
    result, record = measure("{'x': (4, 256)}", *options, mark=marks.get(source, ""))
    result.assert_outcomes(passed=1)
    assert record["mode"]["inputs"] == digest


def test_files_are_found_below_rootdir_from_elsewhere(project, digest, measure, monkeypatch):
    below = project.pytester.mkdir("below")
    monkeypatch.chdir(below)
    report = f"--trtperf-json={project.path / 'run.json'}"
    result, record = measure("inputs='x:x.npy'", f"--rootdir={project.path}", "..", report)
    result.assert_outcomes(passed=1)
    assert record["mode"]["inputs"] == digest


def test_without_values_they_are_generated(measure, values):
    _, record = measure("{'x': (4, 256)}", "--trtperf-seed=5")
    assert (record["mode"]["inputs"], record["mode"]["seed"]) == ("seeded", 5)


def test_values_reach_the_model(project, measure, write_lookup):
    """An index beyond a table fails inside of the model, so what is given is what is fed."""
    write_lookup(project.path / "model.onnx", rows=10)
    result, _ = measure("inputs={'index': np.array([0, 9])}")
    result.assert_outcomes(passed=1)
    result, _ = measure("inputs={'index': np.array([0, 10])}")
    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(["E *QueryError: ONNX Runtime cannot run the model: *"])


def test_other_values_are_another_mode(project, digest, measure):
    measure("inputs='x:x.npy'", "--trtperf-update")
    (entry,) = project.baselines().values()
    assert entry["mode"]["inputs"] == digest
    same, record = measure("inputs='all.npz'")
    assert record["mode"]["inputs"] == digest
    same.stdout.no_fnmatch_line("*another mode*")
    for given, name in (
        ("inputs={'x': np.load('x.npy') + 1}", "????????????"),
        ("{'x': (4, 256)}", "seeded"),
    ):
        result, _ = measure(given)
        result.assert_outcomes(failed=1)
        line = f"*{KEY}: *another mode*: inputs is {name} here and {digest} in the baseline*"
        result.stdout.fnmatch_lines([line])


SETS = {
    "arrays": "[{'x': np.load('x.npy')}, {'x': np.load('x.npy') + 1}]",
    "files": "['x:x.npy', 'two.npz']",
    "pattern": "'sets/*.npz'",
}


@pytest.fixture
def sets(project, values):
    """The same two sets in files of each kind."""
    (project.path / "sets").mkdir()
    np.savez(project.path / "two.npz", x=values + 1)
    for place in range(2):
        np.savez(project.path / "sets" / f"{place}.npz", x=values + place)


def test_sets_that_take_turns_are_the_same_however_they_are_given(project, sets, measure):
    lines = (f"trt_measure(engine, name={name!r}, inputs={one})" for name, one in SETS.items())
    body = "\n                ".join(["engine = trt_engine('model.onnx')", *lines])
    result, _ = measure("inputs='x:x.npy'", before=body)
    result.assert_outcomes(passed=1)
    *several, alone = project.measurements()
    assert {one["mode"]["input_sets"] for one in several} == {2}
    assert len({one["mode"]["inputs"] for one in several}) == 1
    assert "input_sets" not in alone["mode"]
    assert alone["mode"]["inputs"] != several[0]["mode"]["inputs"]


def test_other_sets_are_another_mode(project, sets, measure):
    measure("inputs='sets/*.npz'", "--trtperf-update")
    (entry,) = project.baselines().values()
    same, _ = measure("inputs=['sets/0.npz', 'sets/1.npz']")
    same.stdout.no_fnmatch_line("*another mode*")
    for other, words in {
        "['sets/1.npz', 'sets/0.npz']": f"inputs is * here and {entry['mode']['inputs']} in the *",
        "'sets/0.npz'": "input_sets is * here and 2 in the baseline*",
    }.items():
        result, _ = measure(f"inputs={other}")
        result.assert_outcomes(failed=1)
        result.stdout.fnmatch_lines([f"*{KEY}: *another mode*{words}"])


def test_files_of_the_command_line_take_turns(project, sets, measure):
    result, record = measure("{'x': (4, 256)}", "--trtperf-inputs=sets/*.npz")
    result.assert_outcomes(passed=1)
    assert record["mode"]["input_sets"] == 2


def test_sets_that_take_turns_are_raced_and_kept_apart_from_those_that_did_not_change(
    project, sets, measure
):
    measure("inputs='sets/*.npz'", "--trtperf-update")
    result, _ = measure("inputs='sets/*.npz'", "--trtperf-race=always")
    result.assert_outcomes(passed=1)
    result, _ = measure("inputs='sets/*.npz'", "--trtperf-changed-only")
    result.assert_outcomes(skipped=1)
    np.savez(project.path / "sets" / "1.npz", x=np.ones(SHAPE, np.float32))
    result, _ = measure("inputs='sets/*.npz'", "--trtperf-changed-only", "-v")
    result.stdout.fnmatch_lines(["*input x of inputs?1?*"])


def test_each_set_is_compared_with_the_reference(project, sets, measure):
    before = "trt_engine('model.onnx').assert_close(inputs='sets/*.npz')"
    measure("inputs='sets/*.npz'", before=before)[0].assert_outcomes(passed=1)
    project.model("other", layers=3)
    before = "trt_engine('model.onnx').assert_close('other.onnx', inputs='sets/*.npz')"
    result, _ = measure("inputs='sets/*.npz'", before=before)
    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(["*differs from other.onnx * (inputs?0?: x 4x256)*"])


FULL = "np.full((4, 256), {}, '{}')"


WRONG = [
    (f"inputs={{'x': {FULL.format(1, 'f8')}}}", "input 'x' takes float32*are float64*astype*"),
    ("inputs={'x': [[1] * 256] * 4}", "input 'x' takes float32, but the given values are int64*"),
    (f"inputs={{'x': {FULL.format('np.nan', 'f4')}}}", "*'x': 1024 of 1024 values are NaN*"),
    (
        "{'x': (8, 256)}, inputs='x:x.npy'",
        "input 'x' is measured as 8x256, but the given values are 4x256*",
    ),
    ("inputs={'x': np.zeros((4, 3), 'f4')}", "shape 4x3 does not fit input 'x'*n x 256*"),
    ("inputs={'x': np.zeros(256, 'f4')}", "shape 256 does not fit input 'x'*n x 256*"),
    ("inputs={'z': np.zeros(2)}", "values are given for 'z'*its inputs are 'x'"),
    ("inputs={'x': 'x.bin'}", "input 'x' is dynamic: pass dims=*shapes=*"),
    ("{'x': (5, 256)}, inputs='x:x.bin'", "*raw file holds 4096 bytes*5x256 takes 5120*"),
    ("inputs='x:gone.npy'", "*gone.npy: cannot be read: No such file*"),
    ("inputs='gone.npz'", "*gone.npz: cannot be read: No such file*"),
    ("inputs='x:model.onnx'", "input 'x' is dynamic: pass dims=*shapes=*"),
    ("inputs={'x': 'broken.npy'}", "*broken.npy: holds no arrays that can be read*"),
    ("inputs='broken.npz'", "*broken.npz: holds no arrays that can be read*"),
    ("inputs='pickled.npz'", "*pickled.npz: holds no arrays that can be read*"),
    ("inputs={'x': object()}", "*'x'*"),
    (
        f"inputs=[{{'x': {FULL.format(1, 'f4')}}}, {{'x': np.ones((8, 256), 'f4')}}]",
        "inputs?1?: 'x' has the shape 8x256, and the shape 4x256 in inputs?0?: sets *",
    ),
    ("inputs=['x:x.npy', 'x:gone.npy']", "inputs?1?: *gone.npy: cannot be read: No such file*"),
    ("inputs='gone/*.npz'", "gone/?.npz: matches no file; check the pattern in inputs="),
    ("inputs=['x:x.npy', 5]", "trt_measure: inputs: inputs?1?: expected a mapping of names*"),
    ("inputs=5", "trt_measure: inputs: expected a mapping of names to arrays or files*"),
    ("inputs='x.npy'", "trt_measure: inputs: 'x.npy' is not name:file*"),
    ("inputs={'x': 'all.npz'}", "trt_measure: inputs: input 'x': 'all.npz' may hold several*"),
]


def test_values_that_cannot_be_fed(project, values):
    """Each is an error that names what is wrong, before anything is measured."""
    for name in ("broken.npy", "broken.npz"):
        (project.path / name).write_bytes((project.path / "all.npz").read_bytes()[:100])
    np.savez(project.path / "pickled.npz", x=np.array([{}]))
    tests = [
        f"""
        def test_{number}(trt_engine, trt_measure):
            trt_measure(trt_engine("model.onnx"), {given})
        """
        for number, (given, _) in enumerate(WRONG)
    ]
    project.tests("".join(["        import numpy as np\n", *tests]))
    result = project.run("--tb=line")
    result.assert_outcomes(failed=len(WRONG))
    result.stdout.fnmatch_lines([f"*Error: {message}" for _, message in WRONG])
    result.stdout.fnmatch_lines(["nothing was measured"])


@pytest.mark.parametrize("value", ["x.npy", "x:", "x:a.npy,x:b.npy"])
def test_bad_text_is_refused_where_it_was_given(project, values, value):
    result = project.run(f"--trtperf-inputs={value}")
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    result.stderr.fnmatch_lines(["ERROR: --trtperf-inputs: *"])
    project.tests(
        f"""
        import pytest

        @pytest.mark.trtperf(inputs={value!r})
        def test_model(trt_engine, trt_measure):
            raise AssertionError("the body ran")
        """
    )
    result = project.run()
    result.assert_outcomes(errors=1)
    result.stdout.fnmatch_lines(["*trtperf of test_perf.py::test_model: inputs: *"])


def test_a_failed_query_says_what_it_was_given(project, measure, write_lookup):
    write_lookup(project.path / "model.onnx", rows=10)
    result, _ = measure("inputs={'index': np.array([0, 10])}")
    result.stdout.fnmatch_lines(["E *it was given 'index' int64 2 with your values"])
