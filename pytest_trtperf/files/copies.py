"""Copies of files that share no bytes with what a user may rewrite in place."""

from __future__ import annotations

import fcntl
import os
import shutil
from pathlib import Path

# FICLONE of linux/fs.h: both files share blocks on the disk until one of them is written to.
_CLONE = 0x40049409


def copy_file(source: Path, target: Path, mode: int) -> None:
    """Copies a file, without the time of copying where the file system can share its blocks.

    A hard link would change with the file: exporters rewrite models in place.

    Args:
        target: does not exist yet; its directory does.
        mode: the permission bits of the copy.

    Raises:
        OSError: one cannot be read, or the other cannot be written.
    """
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC | os.O_NOFOLLOW
    with source.open("rb") as read, open(os.open(target, flags, mode), "wb") as written:
        os.fchmod(written.fileno(), mode)
        try:
            fcntl.ioctl(written.fileno(), _CLONE, read.fileno())
        except OSError:  # another file system, or one that cannot
            shutil.copyfileobj(read, written, 1 << 20)
