/* Counts the operations of a run that change files, and ends or refuses one of them.

   Each open for writing, write, rename, mkdir, sync and removal below FAULT_BELOW takes the next
   number; all processes of the run share the counter in the file FAULT_COUNTER. At number FAULT_AT
   the operation fails with FAULT_ERRNO, and with FAULT_LASTING so do all later ones that need room
   on the disk. FAULT_ERRNO=0 kills the process instead, or its whole group with FAULT_GROUP. Each
   operation is a line of FAULT_LOG.

   The wall clock is off by as many seconds as the file CLOCK_OFFSET has, in binary. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/types.h>
#include <time.h>
#include <unistd.h>

#define REAL(name) dlsym(RTLD_NEXT, name)

static long *counter, *offset;

/* A number in a file, which all processes share. */
static long *shared(const char *path) {
  int handle = syscall(SYS_openat, AT_FDCWD, path, O_RDWR | O_CLOEXEC, 0);
  void *page = mmap(NULL, sizeof(long), PROT_READ | PROT_WRITE, MAP_SHARED, handle, 0);
  syscall(SYS_close, handle);
  if (page == MAP_FAILED) abort();
  return page;
}

static long next_number(void) {
  if (!counter) counter = shared(getenv("FAULT_COUNTER"));
  return __atomic_add_fetch(counter, 1, __ATOMIC_SEQ_CST);
}

static long seconds_off(void) {
  const char *path = getenv("CLOCK_OFFSET");
  if (!path) return 0;
  if (!offset) offset = shared(path);
  return *offset;
}

int clock_gettime(clockid_t clock, struct timespec *now) {
  int result = syscall(SYS_clock_gettime, clock, now);
  if (!result && clock == CLOCK_REALTIME) now->tv_sec += seconds_off();
  return result;
}

time_t time(time_t *place) {
  struct timespec now;
  clock_gettime(CLOCK_REALTIME, &now);
  if (place) *place = now.tv_sec;
  return now.tv_sec;
}

static void note(long number, const char *what, const char *path) {
  const char *log = getenv("FAULT_LOG");
  if (!log) return;
  char line[5000];
  int length = snprintf(line, sizeof line, "%ld %s %s\n", number, what, path);
  int handle = syscall(SYS_openat, AT_FDCWD, log, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0644);
  if (handle < 0) return;
  syscall(SYS_write, handle, line, length);
  syscall(SYS_close, handle);
}

/* Whether this operation is refused: errno says why. */
static int refused(const char *what, const char *path, int needs_room) {
  const char *below = getenv("FAULT_BELOW");
  if (!below || !path) return 0;
  char whole[4200];
  if (path[0] != '/') {
    char here[4096];
    if (syscall(SYS_getcwd, here, sizeof here) < 0) return 0;
    snprintf(whole, sizeof whole, "%.2000s/%.2000s", here, path);
    path = whole;
  }
  if (strncmp(path, below, strlen(below))) return 0;
  int before = errno;
  long number = next_number(), at = atol(getenv("FAULT_AT"));
  note(number, what, path);
  errno = before;
  if (!at || number < at) return 0;
  if (number > at && !(getenv("FAULT_LASTING") && needs_room)) return 0;
  int error = atoi(getenv("FAULT_ERRNO"));
  if (!error) {
    if (getenv("FAULT_GROUP")) kill(0, SIGKILL);
    raise(SIGKILL);
  }
  errno = error;
  return 1;
}

static int refused_at(const char *what, int handle, int needs_room) {
  if (!getenv("FAULT_BELOW")) return 0;
  char link[64], path[4096];
  snprintf(link, sizeof link, "/proc/self/fd/%d", handle);
  ssize_t length = readlink(link, path, sizeof path - 1);
  if (length < 0 || path[0] != '/') return 0; /* a pipe or a socket */
  path[length] = 0;
  return refused(what, path, needs_room);
}

#define OPEN(name)                                                                              \
  int name(const char *path, int flags, ...) {                                                  \
    va_list rest; va_start(rest, flags);                                                        \
    mode_t mode = va_arg(rest, mode_t); va_end(rest);                                           \
    if ((flags & (O_CREAT | O_WRONLY | O_RDWR)) && refused("open", path, flags & O_CREAT)) return -1; \
    return ((int (*)(const char *, int, ...)) REAL(#name))(path, flags, mode);                  \
  }
OPEN(open)
OPEN(open64)

#define ON_HANDLE(result, name, room, parameters, arguments)            \
  result name parameters {                                              \
    if (refused_at(#name, handle, room)) return -1;                     \
    return ((result (*) parameters) REAL(#name)) arguments;             \
  }
ON_HANDLE(ssize_t, write, 1, (int handle, const void *data, size_t size), (handle, data, size))
ON_HANDLE(ssize_t, pwrite, 1, (int handle, const void *data, size_t size, off_t at), (handle, data, size, at))
ON_HANDLE(ssize_t, pwrite64, 1, (int handle, const void *data, size_t size, off64_t at), (handle, data, size, at))
ON_HANDLE(int, fsync, 1, (int handle), (handle))
ON_HANDLE(int, fdatasync, 1, (int handle), (handle))
ON_HANDLE(int, ftruncate, 0, (int handle, off_t size), (handle, size))
ON_HANDLE(int, ftruncate64, 0, (int handle, off64_t size), (handle, size))

#define ON_PATH(name, room, parameters, arguments, path)                \
  int name parameters {                                                 \
    if (refused(#name, path, room)) return -1;                          \
    return ((int (*) parameters) REAL(#name)) arguments;                \
  }
ON_PATH(mkdir, 1, (const char *path, mode_t mode), (path, mode), path)
ON_PATH(rename, 1, (const char *from, const char *to), (from, to), to)
ON_PATH(unlink, 0, (const char *path), (path), path)
ON_PATH(rmdir, 0, (const char *path), (path), path)
ON_PATH(link, 1, (const char *from, const char *to), (from, to), to)
