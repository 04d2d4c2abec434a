"""The types that an engine computes in, from the engine inspector's entries of its layers."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

# TensorRT's own names and those in its descriptions of formats; integers that hold indices or
# shapes say nothing of a precision.
_NAMES: Mapping[str, str] = {
    "float": "fp32", "fp32": "fp32", "half": "fp16", "fp16": "fp16", "bfloat16": "bf16",
    "bf16": "bf16", "int8": "int8", "fp8": "fp8", "int4": "int4", "fp4": "fp4",
}  # fmt: skip


def precisions(layers: Sequence[Mapping[str, Any]]) -> dict[str, int]:
    """How many layers have outputs of each type, ``{"fp16": 52, "fp32": 3}``, by number.

    Args:
        layers: the inspector's entries, of an engine built with detailed verbosity; empty where
            they name no type.
    """
    counted: Counter[str] = Counter()
    for layer in layers:
        counted.update(set(_types(layer)))
    return dict(sorted(counted.items(), key=lambda item: (-item[1], item[0])))


def _types(layer: Mapping[str, Any]) -> Iterator[str]:
    outputs = layer.get("Outputs")
    for tensor in outputs if isinstance(outputs, list) else []:
        if isinstance(tensor, Mapping):
            words = re.findall(r"[a-z]+\d*", str(tensor.get("Format/Datatype", "")).lower())
            yield from (_NAMES[word] for word in words if word in _NAMES)
