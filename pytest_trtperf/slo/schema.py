"""The JSON Schema of a table of SLOs, for editors; `slo.schema.json` in this package holds it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec

from pytest_trtperf.engine.options import OPTIONS as BUILD_OPTIONS
from pytest_trtperf.engine.options import OWN, PRECISIONS
from pytest_trtperf.options import OF_MEASUREMENT
from pytest_trtperf.record.schema import same_for_all_versions
from pytest_trtperf.slo.types import (
    DEFAULTS,
    Accuracy,
    Defaults,
    Entry,
    MaxQpsSearch,
    Measurement,
    MetricBudgets,
)

FILE = "slo.schema.json"

_LIMIT = "A number, or one for each device: the first pattern that matches its name applies."
_MEANINGS: Mapping[str, str] = {
    "p50_ms": f"Budget of the median in ms. {_LIMIT}",
    "p90_ms": f"Budget of P90 in ms. {_LIMIT}",
    "p95_ms": f"Budget of P95 in ms. {_LIMIT}",
    "p99_ms": f"Budget of P99 in ms. {_LIMIT}",
    "percentiles_ms": "Budgets of other percentiles in ms, by number: { '99.9' = 3 }.",
    "tail_ratio": f"Budget of P99 over the median, such as 1.2. {_LIMIT}",
    "cov": f"Budget of the coefficient of variation, as a share: 0.025 is 2.5 %. {_LIMIT}",
    "metric": "What percentiles, tail_ratio and cov are of (default: latency, or response under "
    "an open load).",
    "metrics": "Budgets of other metrics by name: { gpu_compute = { p99_ms = 1, cov = 0.025 } }.",
    "transfer_share": f"Budget of what the copies are of the latency, as a share. {_LIMIT}",
    "qps": f"Budget of the throughput in queries per second. {_LIMIT}",
    "max_qps": "Searches the highest request rate whose P99 of response holds: "
    "{ p99_ms = 20, at_least = 500 }.",
    "load_time_ms": f"Budget of reading, deserialising and a first context, in ms. {_LIMIT}",
    "cold_start_ms": f"Budget from a fresh process to the first answer, in ms. {_LIMIT}",
    "energy_per_query_mj": f"Budget of the GPU's energy per query in mJ. {_LIMIT}",
    "engine_size_mib": f"Budget of the plan's size in MiB. {_LIMIT}",
    "build_time_s": f"Budget of the build that made the plan, in s. {_LIMIT}",
    "device_memory_mib": f"Budget of TensorRT's device memory in MiB. {_LIMIT}",
    "gate": "Tolerated change of costs against the baseline, as shares: { load_time = 0.2 }.",
    "missing_ok": "true: a figure that is not known here is a remark, and fails nothing.",
    "accuracy": "Whether outputs are compared with those of a reference before the measurement.",
    "baseline": "false: neither recorded nor compared with a baseline.",
    "marks": "Names of pytest's marks, or their arguments by name.",
    "onnx": "The model, from the table's folder, or a glob: a test for each file.",
    "exclude": "Globs of files that are left out.",
    "sha256": "The digest of the file; the test fails with another one.",
    "build": "Build options, as in trt_engine.",
    "precision": "own is that of the file; a list makes a test for each.",
    "measure": "The measurements, each a test.",
    "name": "Takes the place of the sizes in the test's name.",
    "dims": "Sizes of dimensions by name; of an entry min, opt and max, too.",
    "shapes": "Shapes of inputs by name, such as '8x3x224x224' or [8, 3, 224, 224].",
    **{option.name: option.help for option in OF_MEASUREMENT},
    "inputs": "Values of inputs: { flag = true, ids = [[1, 2]], x = 'x.npy' }, an .npz file, or a "
    "list of such sets, which queries take in turns.",
}
_OF_ACCURACY: Mapping[str, str] = {
    "reference": "onnxruntime (the default), or another ONNX file, from the table's folder.",
    "rtol": "Relative tolerance of each value, or one for each output: { boxes = 0.1 }.",
    "atol": "Absolute tolerance of each value, or one for each output.",
    "cosine": "The least cosine similarity of each row with the reference, or one for each output.",
    "top_k": "Each row has the reference's so many largest values, or one for each output.",
    "seed": "Seed of generated inputs (default: 0).",
}
_OF_MAX_QPS: Mapping[str, str] = {
    "p99_ms": "The limit of the response's P99, queueing included, in ms.",
    "at_least": f"Budget of the rate that is found, in queries per second. {_LIMIT}",
}
_KINDS = {"flag": "boolean", "number": "integer", "enum": "string"}


def slo_schema() -> dict[str, Any]:
    """The schema of `*.slo.toml` (JSON Schema draft 7, which editors of TOML read)."""
    kinds = (Defaults, Entry, Measurement, MetricBudgets)
    _, found = msgspec.json.schema_components(kinds, ref_template="#/definitions/{name}")
    parts = {name: _without_null(part) for name, part in found.items()}
    for kind in kinds:
        for name, about in parts[kind.__name__]["properties"].items():
            about["description"] = _MEANINGS[name]
            if name == "build":
                about.update(_build_options())
    for part, meanings in ((Accuracy, _OF_ACCURACY), (MaxQpsSearch, _OF_MAX_QPS)):
        for name, about in parts[part.__name__]["properties"].items():
            about["description"] = meanings[name]
    sizes = {"type": "integer", "minimum": 0, "description": "The size of a dimension."}
    parts[Measurement.__name__]["additionalProperties"] = sizes
    plain: dict[str, Any] = same_for_all_versions(
        {
            "$schema": "http://json-schema.org/draft-07/schema#",
            "title": "table of SLOs of pytest-trtperf",
            "type": "object",
            "properties": {DEFAULTS: {"$ref": "#/definitions/Defaults"}},
            "additionalProperties": {"$ref": "#/definitions/Entry"},
            "definitions": parts,
        }
    )
    return plain


def _build_options() -> dict[str, Any]:
    known: dict[str, Any] = {
        name: {"type": _KINDS[option.kind]} if option.kind in _KINDS else {}
        for name, option in BUILD_OPTIONS.items()
    }
    known["precision"] = {"enum": [*PRECISIONS, OWN]}
    return {"properties": known, "additionalProperties": False}


def _without_null(value: Any) -> Any:
    """A schema without what TOML cannot write; a key that is not given has no default to show."""
    if isinstance(value, list):
        return [_without_null(one) for one in value if one != {"type": "null"}]
    if not isinstance(value, dict):
        return value
    plain = {name: _without_null(one) for name, one in value.items() if name != "default"}
    choices = plain.get("anyOf")
    if isinstance(choices, list) and len(choices) == 1:
        plain = {**{name: one for name, one in plain.items() if name != "anyOf"}, **choices[0]}
    if isinstance(enum := plain.get("enum"), list):
        plain["enum"] = [one for one in enum if one is not None]
    return plain
