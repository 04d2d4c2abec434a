"""Which option fails what could not be decided, or was not compared; messages name it."""

from __future__ import annotations

from pytest_trtperf.options.declared import Settings

STRICT = "--trtperf-strict"

DEPRECATED_ESTIMATE = (
    "trtperf_inconclusive=estimate is deprecated and means warn: no estimate decides any more, and "
    "what stays inconclusive is counted in the last lines. Leave the option out, or write fail"
)


def failed_by(settings: Settings) -> str | None:
    """The option that fails an inconclusive verdict; None where it neither fails nor passes."""
    if settings.inconclusive != "fail":
        return None
    return STRICT if settings.strict else "--trtperf-inconclusive=fail"


def baseline_required_by(settings: Settings) -> str | None:
    """The option that asks for a comparison with a baseline; None where none does."""
    if not settings.require_baseline:
        return None
    return STRICT if settings.strict else "--trtperf-require-baseline"


def comparison_failed_by(settings: Settings) -> str | None:
    """The option that fails an inconclusive comparison with a baseline."""
    return failed_by(settings) or baseline_required_by(settings)
