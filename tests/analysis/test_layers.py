"""Layers: from the profiler's reports and the inspector's JSON to a table."""

from __future__ import annotations

import json
from types import SimpleNamespace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pytest_trtperf.analysis.layers import compare_layers, summarize_layers, times_by_type
from pytest_trtperf.backend.tensorrt import layers as runtime_layers
from pytest_trtperf.backend.tensorrt.layers import (
    create_profiler,
    layer_information,
    layer_times,
    parse_layer_information,
    times_by_layer,
)
from pytest_trtperf.errors import MeasurementError

TIMES = st.dictionaries(
    st.text(max_size=9), st.lists(st.floats(0, 1e6), min_size=1, max_size=9), max_size=9
)


@given(TIMES)
def test_layers_keep_their_order_and_share_the_whole(times):
    layers = summarize_layers(times)
    assert [layer.name for layer in layers] == list(times)
    assert all(0 <= layer.share <= 1 for layer in layers)
    if any(layer.median_ms for layer in layers):
        assert sum(layer.share for layer in layers) == pytest.approx(1)
    for layer in layers:
        assert min(times[layer.name]) <= layer.median_ms <= max(times[layer.name])


def test_times_add_up_by_type():
    information = [{"Name": "a", "LayerType": "conv"}, {"Name": "c", "LayerType": "conv"}]
    layers = summarize_layers({"a": [1.0], "b": [2.5], "c": [2.0], "d": [0.25]}, information)
    assert list(times_by_type(layers).items()) == [("conv", 3.0), ("unknown", 2.75)]
    assert times_by_type([]) == {}


def test_layer_has_trtexecs_numbers():
    conv, relu = summarize_layers({"conv": np.array([1.0, 2.0, 3.0, 6.0]), "relu": [2.5] * 4})
    assert (conv.median_ms, conv.average_ms, conv.total_ms, conv.share) == (2.5, 3.0, 12.0, 0.5)
    assert relu.share == 0.5
    assert conv.information is None


@pytest.mark.parametrize("values", [[], [float("nan")], [1, float("inf")]])
def test_unusable_times_are_refused(values):
    with pytest.raises(ValueError, match="layer 'conv' has"):
        summarize_layers({"conv": values})


@pytest.mark.parametrize(
    ("name", "names", "found"),
    [
        ("conv", ["relu", "conv"], 1),
        ("conv", ["conv [profile 0]"], 0),
        ("conv [profile 0]", ["conv"], 0),
        ("conv [profile 1]", ["conv [profile 0]", "conv [profile 1]"], 1),
        ("conv", ["conv [profile 0]", "conv [profile 1]"], None),
        ("conv ", [" conv"], 0),
        ("conv", ["conv1", "my conv", "conv + relu"], None),
        ("conv", [], None),
    ],
)
def test_information_is_found_by_name(name, names, found):
    information = [{"Name": entry, "at": index} for index, entry in enumerate(names)]
    (layer,) = summarize_layers({name: [1.0]}, information)
    assert layer.information == (None if found is None else information[found])


def test_information_that_differs_for_one_name_is_left_out():
    same, other = {"Name": "conv", "TacticName": "a"}, {"Name": "conv", "TacticName": "b"}
    assert summarize_layers({"conv": [1.0]}, [same, dict(same)])[0].information == same
    assert summarize_layers({"conv": [1.0]}, [same, other, same])[0].information is None


def test_reports_become_one_array_a_layer():
    times = times_by_layer([[("b", 1), ("a", 2), ("b", 4)], [("b", 0.5), ("a", 8), ("b", 0)]])
    assert {name: list(values) for name, values in times.items()} == {"b": [5, 0.5], "a": [2, 8]}
    assert list(times) == ["b", "a"]


@pytest.mark.parametrize("second", [[("a", 1.0)], [("b", 1.0), ("a", 1.0)], []])
def test_lost_report_is_no_fast_layer(second):
    with pytest.raises(MeasurementError, match="query 1 reported other layers"):
        times_by_layer([[("a", 1.0), ("b", 1.0)], second])


@pytest.mark.parametrize(
    ("layers", "expected"),
    [
        (["conv", "relu"], [{"Name": "conv"}, {"Name": "relu"}]),
        ([{"Name": "conv", "LayerType": "x"}], [{"Name": "conv", "LayerType": "x"}]),
        ([{"LayerType": "x"}], [{"Name": "0", "LayerType": "x"}]),
        ([], []),
    ],
)
def test_inspectors_entries_become_dicts(layers, expected):
    for bindings in ("Bindings", "I/O Tensors"):
        assert parse_layer_information(json.dumps({"Layers": layers, bindings: ["x"]})) == expected


def test_engine_built_without_information_has_none():
    assert parse_layer_information("") == []


def test_control_character_in_a_name_is_read():
    assert parse_layer_information('{"Layers": ["a\tb"]}') == [{"Name": "a\tb"}]


def test_numbers_that_json_cannot_hold_become_texts():
    layers = parse_layer_information('{"Layers": [{"Name": "a", "Scale": -Infinity}]}')
    assert layers == [{"Name": "a", "Scale": "-Infinity"}]


@pytest.mark.parametrize("text", ["null", "[]", "{}", '{"Layers": 3}', "no information"])
def test_unreadable_information_is_shown(text):
    with pytest.raises(MeasurementError, match="inspector's") as caught:
        parse_layer_information(text)
    assert repr(text) in str(caught.value)


class Context:
    """Reports two layers for each query, the first faster with each, once it is asked to."""

    def __init__(self, report, layers=("conv", "relu")) -> None:
        self.report, self.layers = report, layers
        self.profiler = None
        self.refuses = False
        self.queries = self.enqueued = 0
        self.enqueue_emits_profile = True

    def execute_async_v3(self, stream_handle):
        assert stream_handle == 7
        assert not self.enqueue_emits_profile
        self.queries += 1
        self.enqueued += 1
        return not self.refuses

    def report_to_profiler(self):
        assert self.enqueued == 1
        self.enqueued = 0
        for layer in self.layers:
            self.report(self.profiler, layer, 1.0 if layer == "relu" else float(self.queries))
        return True


def report_in_python(profiler, name, ms):
    profiler.report_layer_time(name, ms)


@pytest.fixture
def fake_trt(monkeypatch):
    monkeypatch.setattr(
        runtime_layers, "cudart", lambda: SimpleNamespace(cudaStreamSynchronize=lambda _: (0, None))
    )
    formats = SimpleNamespace(JSON="json")
    return SimpleNamespace(
        IProfiler=type("IProfiler", (), {}), EngineInspector=object, LayerInformationFormat=formats
    )


def test_warm_up_is_dropped(fake_trt):
    context = Context(report_in_python)
    times = layer_times(fake_trt, context, 7, queries=3, warm_up=2)
    assert {name: list(values) for name, values in times.items()} == {
        "conv": [3, 4, 5], "relu": [1, 1, 1],
    }  # fmt: skip


def test_tensorrt_calls_the_profiler(fake_trt):
    """Through the bindings, as TensorRT's own C++ would."""
    trt = pytest.importorskip("tensorrt_rtx")
    times = layer_times(trt, Context(trt.IProfiler.report_layer_time), 7, queries=2, warm_up=0)
    assert list(times["conv"]) == [1, 2]


def test_what_the_callback_raises_is_raised_later(capfd):
    trt = pytest.importorskip("tensorrt_rtx")

    class Reports(list[object]):
        def append(self, _item):
            raise KeyboardInterrupt

    profiler = create_profiler(trt)
    profiler._reports = Reports()
    trt.IProfiler.report_layer_time(profiler, "conv", 1.0)
    with pytest.raises(KeyboardInterrupt):
        profiler.take()
    assert profiler.take() == []
    assert capfd.readouterr().err == ""


def test_refusals_are_errors(fake_trt):
    with pytest.raises(ValueError, match="queries is 0"):
        layer_times(fake_trt, Context(report_in_python), 7, queries=0)
    with pytest.raises(MeasurementError, match="no layer times"):
        layer_times(fake_trt, Context(report_in_python, layers=()), 7, queries=1)
    context = Context(report_in_python)
    context.refuses = True
    with pytest.raises(MeasurementError, match="refused"):
        layer_times(fake_trt, context, 7, queries=1)


def test_information_comes_from_the_inspector(fake_trt):
    inspector = SimpleNamespace(get_engine_information=lambda kind: '{"Layers": ["conv"]}')
    engine = SimpleNamespace(create_engine_inspector=lambda: inspector)
    assert layer_information(fake_trt, engine, "context") == [{"Name": "conv"}]
    assert inspector.execution_context == "context"
    with pytest.raises(MeasurementError, match="inspector"):
        layer_information(fake_trt, SimpleNamespace(create_engine_inspector=lambda: None))
    assert layer_information(SimpleNamespace(), engine) == []


PROFILES = st.dictionaries(st.text("abcdef", min_size=1, max_size=2), st.floats(0, 10), max_size=8)


@given(before=PROFILES, after=PROFILES)
def test_changes_of_layers_add_up_and_come_most_first(before, after):
    changes = compare_layers(before, after)
    assert {change.name for change in changes} == set(before) | set(after)
    added = [change.change_ms for change in changes]
    assert added == sorted(added, reverse=True)
    whole = sum(after.values()) - sum(before.values())
    assert sum(added) == pytest.approx(whole, abs=1e-9)
    if abs(whole) > 1e-6:
        assert sum(change.share for change in changes) == pytest.approx(1, abs=1e-3)


def test_layer_that_is_new_or_gone_is_reported():
    new, same, gone = compare_layers({"a": 1.0, "b": 2.0}, {"b": 2.0, "c": 3.0})
    assert (new.name, new.before_ms, new.after_ms, new.share) == ("c", None, 3.0, 1.5)
    assert (same.name, same.change_ms, same.share) == ("b", 0.0, 0.0)
    assert (gone.name, gone.after_ms, gone.change_ms) == ("a", None, -1.0)
