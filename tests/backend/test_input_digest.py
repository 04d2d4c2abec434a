"""The digest distinguishes a session's inputs from any others."""

from __future__ import annotations

import numpy as np

from pytest_trtperf.backend.given_inputs import inputs_digest


def test_digest_knows_names_dtypes_shapes_and_bytes():
    x, y = np.arange(6, dtype=np.int32).reshape(2, 3), np.zeros(2, np.float32)
    digest = inputs_digest({"x": x, "y": y})
    others: list[dict[str, np.ndarray]] = [
        {"x": x},
        {"x": x, "z": y},
        {"x": x, "y": y.view(np.int32)},
        {"x": x.reshape(3, 2), "y": y},
        {"x": x + 1, "y": y},
        {"x": x, "y": y[:1]},
    ]
    digests = [inputs_digest(other) for other in others]
    assert len({digest, *digests}) == 7
    assert inputs_digest({"y": y, "x": x}) == digest
    assert inputs_digest({"y": y, "x": np.asfortranarray(x)}) == digest
    # A baseline keeps it: it must not change from one version to the next.
    assert digest == "e37c9edb495a"


def test_digest_takes_scalars():
    assert inputs_digest({"x": np.array(True)}) != inputs_digest({"x": np.array(False)})
