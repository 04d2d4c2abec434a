"""Runs in this process need their modules imported before."""

import tests.in_process  # noqa: F401
