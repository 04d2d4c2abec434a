"""What a session of ONNX Runtime took to start."""

from __future__ import annotations

from contextlib import closing

from pytest_trtperf.backend.onnxruntime.backend import OnnxRuntimeBackend
from pytest_trtperf.backend.session import Mode
from pytest_trtperf.engine.spec import EngineSpec


def test_a_first_answer_comes_after_loading_and_the_first_query(tmp_path, write_model):
    model = write_model(tmp_path / "model.onnx")
    with closing(OnnxRuntimeBackend().load_model(EngineSpec(model, []))) as engine:
        shapes = {tensor.name: tuple(one or 1 for one in tensor.shape) for tensor in engine.inputs}
        with closing(engine.create_session(shapes, Mode())) as session:
            assert session.load_ms is not None
            assert session.first_answer_ms is not None
            assert session.load_ms > 0
            assert session.load_ms + session.cold_start_ms <= session.first_answer_ms
