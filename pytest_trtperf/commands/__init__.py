"""The subcommands of `trtperf`, one a file; each has `add`, which adds its parser."""

from __future__ import annotations
