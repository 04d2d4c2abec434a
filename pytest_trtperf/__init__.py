"""pytest-trtperf: latency SLOs for TensorRT engines, enforced by pytest."""

from __future__ import annotations

__version__ = "0.1.0"
