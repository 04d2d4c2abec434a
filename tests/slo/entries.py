"""The entry that tables of tests begin with."""

from __future__ import annotations

M = '[m]\nonnx = "m.onnx"\n'
