"""All errors of pytest-trtperf.

Failures are no errors: `limits.PerfAssertionError`, `accuracy.AccuracyAssertionError`.

TrtPerfError
├── BackendUnavailable    a backend's package, driver or device is missing
├── EngineBuildError      an ONNX file could not be turned into a plan
├── EngineLoadError       a plan could not be deserialised
├── CacheError            the engine cache cannot be used
├── ShapeError            a shape or tensor name does not fit the model
├── MeasurementError      a session could not be measured
├── BaselineError         a baseline file is unreadable or of another schema
└── ExtraMissing          a package of an optional extra is not installed
"""

from __future__ import annotations


class TrtPerfError(Exception):
    """Base of all errors of this package."""


class BackendUnavailable(TrtPerfError):
    """A backend's package, driver or device is missing; says which and how to go on."""


class EngineBuildError(TrtPerfError):
    """An ONNX file could not be turned into a plan; carries the parser's own messages."""


class EngineLoadError(TrtPerfError):
    """A plan could not be deserialised on this device."""


class CacheError(TrtPerfError):
    """The engine cache cannot be used as configured."""


class ShapeError(TrtPerfError, ValueError):
    """A shape, rank or tensor name does not fit the model or its optimisation profile."""


class MeasurementError(TrtPerfError):
    """A session could not be measured."""


class BaselineError(TrtPerfError):
    """A baseline file is unreadable or of another schema; it is never overwritten."""


class ExtraMissing(TrtPerfError):
    """A package of an optional extra is not installed; names the extra."""
