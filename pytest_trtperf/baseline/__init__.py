"""Stored measurements that later runs are compared with, as JSON that can be reviewed.

schema       the content of a file; encoding and decoding with checks
review_json  its layout: sorted keys, rounded values, lists of numbers on one line
keys         what the key of an entry says
layout       one file for each test module, or for each test
merge        adding a new run to the stored ones
store        files by hardware class, backend and module; read once, replaced atomically
locate       the baseline directory of a test module
hardware     names and classes of GPUs and CPUs
"""

from __future__ import annotations
