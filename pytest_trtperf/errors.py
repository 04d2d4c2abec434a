"""All exceptions and warnings of pytest-trtperf.

TrtPerfError
├── BackendUnavailable    a backend's package, driver or device is missing
├── EngineBuildError      an ONNX file could not be turned into a plan
├── EngineLoadError       a plan could not be deserialised
├── CacheError            the engine cache cannot be used
├── ShapeError            a shape or tensor name does not fit the model
├── MeasurementError      a session could not be measured
│   └── QueryError        its first query failed
├── BaselineError         a baseline file is unreadable or of another schema
├── TableError            a table of SLOs is unreadable or wrong
└── ExtraMissing          a package of an optional extra is not installed

AssertionError            a test fails, and nothing is wrong with how it was written
├── PerfAssertionError        a budget was missed, or performance regressed
└── AccuracyAssertionError    outputs differ from those of the reference

UserWarning
├── InconclusiveWarning   not issued any more: reports count inconclusive verdicts
└── EngineCacheWarning    a file of the engine cache was damaged, or could not be kept

DeprecationWarning
└── TrtPerfDeprecationWarning   what a test asks for will be an error in the next release
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
    """A shape, rank or tensor name does not fit the model or its optimization profile."""


class MeasurementError(TrtPerfError):
    """A session could not be measured."""


class QueryError(MeasurementError):
    """The first query of a session failed: the model does not take its values, or its shapes."""


class BaselineError(TrtPerfError):
    """A baseline file is unreadable or of another schema; it is never overwritten."""


class TableError(TrtPerfError):
    """A table of SLOs is unreadable, or has what no table may have; names file and key."""


class ExtraMissing(TrtPerfError):
    """A package of an optional extra is not installed; names the extra."""


class PerfAssertionError(AssertionError):
    """A budget was missed or performance regressed."""


class InconclusiveWarning(UserWarning):
    """Not issued any more: reports count inconclusive verdicts. Kept for filters that name it."""


class AccuracyAssertionError(AssertionError):
    """An engine's outputs are not those of the reference, or there was nothing to compare."""


class EngineCacheWarning(UserWarning):
    """A file in the engine cache was damaged and is made again, or could not be kept."""


class TrtPerfDeprecationWarning(DeprecationWarning):
    """What a test asks for has no effect, and will be an error in the next release."""
