"""Which option fails what no regression of the engine is; messages name it."""

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


def environment_failed_by(settings: Settings) -> str | None:
    """The option that fails what is slower by the environment alone; None where none does."""
    if settings.environment != "fail":
        return None
    return STRICT if settings.strict else "--trtperf-environment=fail"


def software_failed_by(settings: Settings) -> str | None:
    """The same of what other software made slower."""
    return None if settings.software == "warn" else "--trtperf-software=fail"


def comparison_failed_by(settings: Settings) -> str | None:
    """The option that fails an inconclusive comparison with a baseline."""
    return failed_by(settings) or baseline_required_by(settings)
