"""Inputs in turns on a GPU's timeline: what each query copies, binds and returns."""

from __future__ import annotations

import numpy as np
import pytest

from pytest_trtperf.backend.session import DeviceMemory, Mode
from pytest_trtperf.backend.tensorrt.cuda import cudart
from pytest_trtperf.backend.tensorrt.inference_stream import InferenceStream
from pytest_trtperf.backend.tensorrt.session import TensorRTSession
from pytest_trtperf.backend.tensorrt.tensor_layouts import LAYOUTS
from pytest_trtperf.backend.trace import Extent
from pytest_trtperf.engine.shapes import TensorInfo
from tests.backend.tensorrt.host_cuda import Doubling, HostCuda, Trt

SETS = [np.array(values, np.float32) for values in ([1, -1, 1], [2, -2, -2], [3, 3, 3])]


@pytest.fixture
def cuda(monkeypatch):
    bindings = pytest.importorskip("cuda.bindings")
    runtime = pytest.importorskip("cuda.bindings.runtime")
    cuda = HostCuda(runtime)
    monkeypatch.setattr(bindings, "runtime", cuda)
    cudart.cache_clear()
    yield cuda
    cudart.cache_clear()


@pytest.fixture
def open_session(cuda):
    """Opens a session with so many sets; gives it and its contexts, one for each stream."""
    sessions = []

    def create(sets=SETS, mode=None, *, is_dynamic=False):
        mode = mode or Mode()
        values = [{"x": one} for one in sets]
        contexts = [
            Doubling(cuda, len(SETS[0]), is_dynamic=is_dynamic) for _ in range(mode.streams)
        ]
        outputs = [TensorInfo("y", (None if is_dynamic else 3,), "float32")]
        layouts = dict.fromkeys("xy", LAYOUTS["LINEAR"])
        streams = [
            InferenceStream(Trt, context, values, outputs, frozenset(), layouts, mode)
            for context in contexts
        ]
        memory = DeviceMemory(0, 0, 0)
        sessions.append(TensorRTSession(streams, values, mode, values, memory, lambda _: ({}, [])))
        for context in contexts:
            context.seen.clear()
        return sessions[-1], contexts

    yield create
    for session in sessions:
        session.close()


@pytest.mark.parametrize("graph", [False, True])
@pytest.mark.parametrize("transfers", [False, True])
@pytest.mark.parametrize("concurrency", [1, 2, 3])
def test_queries_take_turns_over_all_rounds(open_session, graph, transfers, concurrency):
    mode = Mode(transfers=transfers, cuda_graph=graph, concurrency=concurrency)
    session, (context,) = open_session(mode=mode)
    assert session.output_values()["y"].tolist() == [2, -2, 2]
    assert session.mode["input_sets"] == 3
    session.run_closed(Extent(0, 7, 7))
    session.run_open(np.zeros(7, np.int64), 1e9)
    session.run_closed(Extent(0, 1, 1))
    assert context.seen == [1 + query % 3 for query in range(15)]
    if transfers:
        assert session.output_values()["y"].tolist() == [6, 6, 6]


def test_streams_take_turns_together(open_session):
    session, contexts = open_session(SETS[:2], Mode(streams=2, concurrency=2))
    session.run_closed(Extent(0, 12, 12))
    # Queries of both streams alternate, and so do the two sets.
    assert [context.seen for context in contexts] == [[1] * 6, [2] * 6]
    session, contexts = open_session(SETS, Mode(streams=2, concurrency=2))
    session.run_closed(Extent(0, 12, 12))
    assert [context.seen for context in contexts] == [[1, 3, 2] * 2, [2, 1, 3] * 2]


@pytest.mark.parametrize("graph", [False, True])
def test_one_set_stays_bound(open_session, cuda, graph):
    session, (context,) = open_session(SETS[:1], Mode(cuda_graph=graph))
    before = context.bound
    cuda.copies.clear()
    session.run_closed(Extent(0, 5, 5))
    assert context.seen == [1] * 5
    assert context.bound == before
    assert cuda.copies == [12] * 10  # in and out
    assert session.mode.keys() & {"input_sets"} == set()


def test_a_graph_of_each_set_binds_nothing(open_session):
    session, (context,) = open_session(mode=Mode(cuda_graph=True))
    before = context.bound
    session.run_closed(Extent(0, 6, 6))
    assert context.bound == before


@pytest.mark.parametrize("order", [(0, 1, 2), (2, 1, 0), (1, 2, 0)])
def test_outputs_are_as_large_as_each_set_makes_them(open_session, cuda, order):
    sets = [SETS[place] for place in order]
    positive = [int(np.sum(one > 0)) for one in sets]
    session, (context,) = open_session(sets, is_dynamic=True)
    assert session.output_values()["y"].tolist() == [2 * x for x in sets[0] if x > 0]
    cuda.copies.clear()
    session.run_closed(Extent(0, 4, 4))
    assert cuda.copies[1::2] == [4 * positive[query % 3] for query in range(4)]
    assert context.seen == [sets[query % 3][0] for query in range(4)]


@pytest.mark.parametrize(
    ("sets", "empty"),
    [
        ([[-1, -1, -1]], {"y": (0,)}),
        ([[-1, -1, -1], [-2, -2, -2]], {"y": (0,)}),
        ([[-1, -1, -1], [1, -1, -1]], {}),
        ([[1, -1, -1], [-1, -1, -1]], {}),
    ],
)
def test_outputs_that_no_set_fills_are_known(open_session, sets, empty):
    session, _ = open_session([np.array(one, np.float32) for one in sets], is_dynamic=True)
    assert session.empty_outputs == empty
    session.run_closed(Extent(0, 4, 4))


def test_outputs_of_a_fixed_size_are_not_empty(open_session):
    assert open_session()[0].empty_outputs == {}


def test_what_is_the_same_in_all_sets_has_one_buffer(open_session, cuda):
    same = SETS[0]
    session, _ = open_session([same, same, SETS[1]])
    addresses = [feed.addresses["x"] for feed in session.streams[0].feeds]
    assert addresses[0] == addresses[1] != addresses[2]


def test_everything_is_freed(open_session, cuda):
    session, _ = open_session(mode=Mode(cuda_graph=True), is_dynamic=False)
    session.close()
    assert cuda.memory == {}
