"""Every option of the plugin, declared once: `DECLARED`.

Each run of pytest reads these modules, with or without --trtperf. So they import nothing else, and
an option names its parser instead of holding it.
"""

from __future__ import annotations

from pytest_trtperf.options.of_measurement import OF_MEASUREMENT
from pytest_trtperf.options.of_run import OF_RUN
from pytest_trtperf.options.option import Option

__all__ = ["DECLARED", "OF_MEASUREMENT", "Option"]

DECLARED: tuple[Option, ...] = (*OF_RUN, *OF_MEASUREMENT)
"""All options, in the order of the help."""
