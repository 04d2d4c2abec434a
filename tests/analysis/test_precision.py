from __future__ import annotations

import pytest

from pytest_trtperf.analysis.precision import precisions


def layer(*formats: object) -> dict[str, object]:
    return {"Name": "x", "Outputs": [{"Name": "y", "Format/Datatype": one} for one in formats]}


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Half", "fp16"),
        ("Float", "fp32"),
        ("BFloat16", "bf16"),
        ("BF16", "bf16"),
        ("Row major linear FP16 format", "fp16"),
        ("Channel major FP16 format where channel % 8 == 0", "fp16"),
        ("Thirty-two wide channel vectorized row major Int8 format.", "int8"),
        ("Row major linear FP8 format", "fp8"),
    ],
)
def test_the_inspectors_words_are_types(text, expected):
    assert precisions([layer(text)]) == {expected: 1}


def test_layers_are_counted_by_type():
    layers = [layer("Half"), layer("Half", "Half"), layer("Half", "Float"), layer("Int32")]
    found = precisions(layers)
    assert found == {"fp16": 3, "fp32": 1}
    assert next(iter(found)) == "fp16"


@pytest.mark.parametrize(
    "entry",
    [
        {"Name": "x"},
        {"Name": "x", "Outputs": None},
        {"Name": "x", "Outputs": ["y"]},
        layer("N/A due to dynamic shapes"),
        layer(None),
    ],
)
def test_what_names_no_type_counts_for_nothing(entry):
    assert precisions([entry]) == {}
