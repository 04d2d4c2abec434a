"""Measurements on disk, as JSON that can be reviewed.

schema    the records of a file, and the way to bytes and back
merge     how a new run joins the stored ones
store     files by hardware class, backend and module; read once, replaced atomically
hardware  names and classes of GPUs and CPUs
"""

from __future__ import annotations
