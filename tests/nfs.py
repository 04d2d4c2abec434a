"""What NFS and broken file systems answer, in the place of the C library's own answers."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Callable

import pytest

_SOURCE = r"""
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

static int left = -2;

/* Whether this call is refused: the first REFUSE_TIMES of the function REFUSE are. */
static int refused(const char *function) {
  const char *wanted = getenv("REFUSE");
  if (!wanted || strcmp(wanted, function)) return 0;
  if (left == -2) left = atoi(getenv("REFUSE_TIMES"));
  if (left == 0) return 0;
  if (left > 0) left--;
  errno = atoi(getenv("REFUSE_ERRNO"));
  return 1;
}

int flock(int handle, int how) {
  if (!(how & 8) && refused("flock")) return -1;
  return ((int (*)(int, int)) dlsym(RTLD_NEXT, "flock"))(handle, how);
}

static int opened(const char *name, const char *path, int flags, mode_t mode) {
  size_t length = strlen(path);
  if (length > 5 && !strcmp(path + length - 5, ".lock") && refused("open")) return -1;
  return ((int (*)(const char *, int, ...)) dlsym(RTLD_NEXT, name))(path, flags, mode);
}

#define OPEN(name)                                  \
  int name(const char *path, int flags, ...) {      \
    va_list rest; va_start(rest, flags);            \
    mode_t mode = va_arg(rest, mode_t); va_end(rest); \
    return opened(#name, path, flags, mode);        \
  }
OPEN(open)
OPEN(open64)
"""

Refuse = Callable[[str, int, int], dict[str, str]]


@pytest.fixture(scope="session")
def refuse(tmp_path_factory: pytest.TempPathFactory) -> Refuse:
    """Gives the environment in which a function fails with an errno, so often; -1 is always."""
    if not (compiler := shutil.which("gcc") or shutil.which("cc")):
        pytest.skip("needs a C compiler")
    folder = tmp_path_factory.mktemp("nfs")
    source, library = folder / "refuse.c", folder / "refuse.so"
    source.write_text(_SOURCE)
    command = [compiler, "-shared", "-fPIC", "-o", str(library), str(source), "-ldl"]
    subprocess.run(command, check=True, capture_output=True)

    def environment(function: str, error: int, times: int = -1) -> dict[str, str]:
        return {
            "LD_PRELOAD": str(library), "REFUSE": function, "REFUSE_ERRNO": str(error),
            "REFUSE_TIMES": str(times),
        }  # fmt: skip

    return environment
