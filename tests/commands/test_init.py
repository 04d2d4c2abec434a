"""`trtperf init`: a first test module that runs as it is written."""

from __future__ import annotations

import ast
import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pytest_trtperf.cli import main
from pytest_trtperf.commands.first_table import first_table
from pytest_trtperf.commands.first_tests import first_tests
from pytest_trtperf.engine.dimensions import size_label
from pytest_trtperf.onnx_file.outline import Outline
from pytest_trtperf.slo.items import items_of

onnx = pytest.importorskip("onnx")
FLOAT, INT64, STRING = 1, 7, 8


def save(path, inputs, operator="Identity"):
    """A model that returns its first input."""
    tensors = [onnx.helper.make_tensor_value_info(name, *what) for name, what in inputs.items()]
    name, what = next(iter(inputs.items()))
    node = onnx.helper.make_node(operator, [name], ["y"])
    output = onnx.helper.make_tensor_value_info("y", *what)
    graph = onnx.helper.make_graph([node], "graph", tensors, [output])
    opset = [onnx.helper.make_opsetid("", 17)]
    onnx.save(onnx.helper.make_model(graph, ir_version=8, opset_imports=opset), path)
    return path


@pytest.fixture
def encoder(tmp_path, monkeypatch):
    """A model with named dimensions in the current directory."""
    monkeypatch.chdir(tmp_path)
    shape = ["batch", "src_len"]
    return save(tmp_path / "encoder-v2.onnx", {"ids": (INT64, shape), "mask": (FLOAT, shape)})


def test_the_dimensions_of_a_model_are_variables_with_its_own_names(encoder, capsys):
    assert main(["init", "encoder-v2.onnx", "-o", "-"]) == 0
    printed = capsys.readouterr().out
    assert printed.count("batch = 8\n    src_len = 128\n") == 1
    assert '"ids": (batch, src_len),\n        "mask": (batch, src_len),' in printed
    assert '# "ids": int64 batch x src_len' in printed
    assert not list(encoder.parent.glob("*.py"))


def test_what_is_written_measures(encoder, pytester, monkeypatch, capsys):
    pytest.importorskip("onnxruntime")
    monkeypatch.chdir(pytester.path)
    save(pytester.path / "two.onnx", {"x": (FLOAT, [None, 3, None])}, "Relu")
    save(pytester.path / "2.onnx", {"x": (FLOAT, [1, 3])}, "Relu")
    (pytester.path / encoder.name).write_bytes(encoder.read_bytes())
    assert main(["init", encoder.name, "two.onnx", "2.onnx", "-o", "tests/test_first.py"]) == 0
    printed = capsys.readouterr().out
    assert "written: tests/test_first.py, with 3 tests" in printed
    pytester.makeini("[pytest]")
    options = ("--trtperf-backend=onnxruntime", "--trtperf-max-time=0.2", "--trtperf-round-ms=10")
    ran = pytester.runpytest_subprocess("--trtperf", *options, "tests/test_first.py", timeout=120)
    ran.assert_outcomes(passed=3)


@pytest.mark.parametrize("words", [("-o", "-"), ()], ids=["printed", "written"])
def test_as_json_the_source_comes_with_the_file(encoder, capsys, words):
    assert main(["init", encoder.name, "--json", *words]) == 0
    result = json.loads(capsys.readouterr().out)
    assert result["written"] == (None if words else "test_performance.py")
    assert "src_len = 128" in result["source"]
    if not words:
        assert Path("test_performance.py").read_text() == result["source"]


@pytest.mark.parametrize("words", [(), ("--table",)])
def test_a_model_that_is_given_by_two_paths_is_one(encoder, capsys, words):
    save(encoder.parent / "other.onnx", {"x": (FLOAT, [1])})
    paths = [encoder.name, "other.onnx", str(encoder), f"../{encoder.parent.name}/other.onnx"]
    assert main(["init", *paths, "-o", "-", *words]) == 0
    printed = capsys.readouterr().out
    assert printed.count("encoder-v2.onnx") == printed.count("other.onnx") == 1
    assert printed.index("encoder-v2.onnx") < printed.index("other.onnx")


def test_a_file_that_is_there_stays(encoder, capsys):
    Path("test_performance.py").write_text("mine")
    assert main(["init", encoder.name]) != 0
    assert "test_performance.py is there already: name another file" in capsys.readouterr().err
    assert Path("test_performance.py").read_text() == "mine"


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (None, "cannot be read: No such file"),
        (b"no model", "is not an ONNX model"),
        (b"x\n", "is not"),
    ],
)
def test_a_file_that_is_no_model_is_named_and_nothing_is_written(
    tmp_path, monkeypatch, capsys, content, words
):
    monkeypatch.chdir(tmp_path)
    if content is not None:
        Path("m.onnx").write_bytes(content)
    assert main(["init", "m.onnx"]) != 0
    assert f"m.onnx: {words}" in capsys.readouterr().err
    assert not Path("test_performance.py").exists()


@pytest.mark.parametrize(
    ("words", "output"),
    [((), "test_performance.py"), (("--table",), "models.slo.toml"), (("--json",), None)],
)
def test_a_file_that_is_no_model_leaves_the_others_their_tests(encoder, capsys, words, output):
    Path("bad.onnx").write_bytes(b"no model")
    assert main(["init", "gone.onnx", encoder.name, "bad.onnx", *words]) == 1
    printed = capsys.readouterr()
    reasons = {
        "gone.onnx": "cannot be read: No such file or directory",
        "bad.onnx": "is not an ONNX model",
    }
    for path, why in reasons.items():
        assert f"left out {path}: {why}" in printed.err
    if output is None:
        assert json.loads(printed.out)["left_out"] == reasons
    else:
        assert f"written: {output}, with 1 test\n" in printed.out
        assert "encoder-v2.onnx" in Path(output).read_text()


def test_what_is_next_leads_to_a_baseline(encoder, capsys):
    assert main(["init", encoder.name]) == 0
    steps = capsys.readouterr().out.partition("next:")[2]
    assert steps.index("pytest --trtperf test_performance.py") < steps.index("--trtperf-update")


def test_all_files_that_are_no_models_are_named(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    assert main(["init", "a.onnx", "b.onnx"]) == 2
    printed = capsys.readouterr().err
    assert "a.onnx: cannot be read" in printed
    assert "b.onnx: cannot be read" in printed


def test_texts_have_a_place_in_the_test_that_measures(pytester, monkeypatch):
    pytest.importorskip("onnxruntime")
    monkeypatch.chdir(pytester.path)
    save(pytester.path / "np.onnx", {"words": (STRING, ["np", 2])})
    assert main(["init", "np.onnx"]) == 0
    source = Path("test_performance.py").read_text()
    assert "# Texts are not made up: put those of production here." in source
    assert 'inputs={"words": np.full((np_2, 2), "a text")}' in source
    pytester.makeini("[pytest]")
    options = ("--trtperf-smoke", "--trtperf-backend=onnxruntime")
    ran = pytester.runpytest_subprocess(*options, timeout=120)
    ran.stdout.fnmatch_lines(["*engines ready: 1, built by this run: 0, queries run: 1*"])


NAMES = st.text(max_size=12) | st.sampled_from(["def", "x:0", 'a"b', "perf", "\n", "é", "2"])
DIMENSIONS = st.none() | st.integers(0, 2**40) | NAMES.filter(bool)


def is_state(name, dims, axis):
    """Whether this is the batch of a recurrent layer's state, which others share."""
    return axis == 1 and size_label(name, dims, axis) == "batch"


def outlined(models):
    """Models as their files would be outlined."""
    return [
        (
            path,
            Outline(
                inputs=list(inputs),
                tensors={name: f"float32 {name}" for name in inputs},
                shapes={name: tuple(shape) for name, shape in inputs.items()},
            ),
        )
        for path, inputs in models
    ]


@given(
    st.lists(st.tuples(NAMES.map(Path), st.dictionaries(NAMES, st.lists(DIMENSIONS))), max_size=3)
)
def test_whatever_the_names_are_the_module_is_python_and_has_each_input(models):
    tree = ast.parse(first_tests(outlined(models)))
    tests = [one for one in tree.body if isinstance(one, ast.FunctionDef)]
    assert len({one.name for one in tests}) == len(models)
    for test, (path, inputs) in zip(tests, models, strict=True):
        values = [node.value for node in ast.walk(test) if isinstance(node, ast.Constant)]
        dynamic = [
            name for name, dims in inputs.items() if not all(isinstance(d, int) for d in dims)
        ]
        assert {str(path), *dynamic} <= set(values)
        variables = [node.id for node in ast.walk(test) if isinstance(node, ast.Name)]
        first = next(((name, 0) for name, dims in inputs.items() if dims[:1] == [None]), None)
        different = {
            dim
            if dim is not None
            else first
            if first and is_state(name, dims, axis)
            else (name, axis)
            for name, dims in inputs.items()
            for axis, dim in enumerate(dims)
            if not isinstance(dim, int)
        }
        fixed = {"trt_engine", "trt_measure", "engine", "perf", "shapes"}
        assert len(set(variables) - fixed) == len(different)


def test_a_table_has_an_entry_for_each_model(encoder, pytester, monkeypatch, capsys):
    pytest.importorskip("onnxruntime")
    monkeypatch.chdir(pytester.path)
    (pytester.path / "zoo").mkdir()
    save(pytester.path / "zoo" / "two.onnx", {"x": (FLOAT, [None, 3, None])}, "Relu")
    save(pytester.path / "2.onnx", {"x": (FLOAT, [1, 3])}, "Relu")
    (pytester.path / encoder.name).write_bytes(encoder.read_bytes())
    output = "perf/models.slo.toml"
    assert main(["init", "--table", encoder.name, "zoo/two.onnx", "2.onnx", "-o", output]) == 0
    assert f"written: {output}, with 3 tests" in capsys.readouterr().out
    written = Path(output).read_text()
    assert "dims = { batch = 8, src_len = 128 }" in written
    assert 'onnx = "../zoo/two.onnx"\nshapes = { x = "8x3x16" }' in written
    pytester.makeini("[pytest]")
    options = ("--trtperf-backend=onnxruntime", "--trtperf-max-time=0.2", "--trtperf-round-ms=10")
    ran = pytester.runpytest_subprocess("--trtperf", *options, timeout=120)
    ran.assert_outcomes(passed=3)


def test_a_table_that_pytest_would_not_collect_is_refused(encoder, capsys):
    assert main(["init", "--table", encoder.name, "-o", "models.toml"]) != 0
    assert "write -o NAME.slo.toml" in capsys.readouterr().err
    assert not Path("models.toml").exists()
    assert main(["init", "--table", encoder.name]) == 0
    assert Path("models.slo.toml").exists()


@given(
    st.lists(
        st.tuples(
            NAMES.filter(lambda name: name and not {*name} & {*"\0*?["}).map(Path),
            st.dictionaries(NAMES, st.lists(DIMENSIONS)),
        ),
        max_size=3,
    )
)
def test_whatever_the_names_are_the_table_is_read_again(tmp_path_factory, models):
    table = tmp_path_factory.getbasetemp() / "any.slo.toml"
    table.write_text(first_table(outlined(models)), encoding="utf-8")
    tests = items_of(table)
    assert len(tests) == len(models)
    for test, (path, inputs) in zip(tests, models, strict=True):
        assert test.onnx == table.parent / path
        named = {dim for dims in inputs.values() for dim in dims if isinstance(dim, str)}
        assert set(test.build["dims"] or ()) == named


@pytest.mark.parametrize("words", [(), ("--table",)])
def test_sizes_that_have_no_name_follow_from_where_they_are(tmp_path, monkeypatch, capsys, words):
    """An image, the state of a recurrent layer, names made up by an exporter, a size of -1."""
    monkeypatch.chdir(tmp_path)
    inputs = {
        "x": (FLOAT, [None, 3, None, None]),
        "state": (FLOAT, [2, None, 128]),
        "image": (FLOAT, [*("p2o.DynamicDimension.0", 3, "p2o.DynamicDimension.1"), -1]),
    }
    save(tmp_path / "m.onnx", inputs)
    assert main(["init", "m.onnx", "-o", "-", *words]) == 0
    printed = capsys.readouterr().out
    if words:
        assert 'shapes = { x = "8x3x224x224", state = "2x8x128", image = "8x3x224x224" }' in printed
        return
    assert '"x": (batch, 3, height, width),\n' in printed
    assert '"state": (2, batch, 128),\n' in printed
    assert printed.count("= 224\n") == 4
    assert "-1" not in printed
    assert "18446744073709551615" not in printed
