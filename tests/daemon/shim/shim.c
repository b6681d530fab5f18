/* What the store asks of the disk, watched: loaded before libc into a daemon under test, it can end the
 * process right before the Nth write below a folder, or have every write refused.
 *
 * POISE_SHIM_DIR      the folder; what happens elsewhere passes
 * POISE_SHIM_KILL_AT  SIGKILL before the Nth write, flush, rename, truncation, removal or creation
 * POISE_SHIM_ERRNO    a file; while it holds the number of an error, writes fail with it
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

static atomic_long seen;

static int is_below(const char *path) {
    const char *dir = getenv("POISE_SHIM_DIR");
    return dir && path && strncmp(path, dir, strlen(dir)) == 0;
}

static int is_file_below(int fd) {
    char link[64], path[PATH_MAX];
    snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
    ssize_t len = readlink(link, path, sizeof path - 1);
    if (len < 0) return 0;
    path[len] = 0;
    return is_below(path);
}

/* Before every step: whether it is refused. */
static int step(void) {
    const char *at = getenv("POISE_SHIM_KILL_AT");
    if (at && atomic_fetch_add(&seen, 1) + 1 == atol(at)) {
        syscall(SYS_kill, getpid(), SIGKILL);
        for (;;) pause();
    }
    const char *file = getenv("POISE_SHIM_ERRNO");
    if (!file) return 0;
    int fd = (int)syscall(SYS_openat, AT_FDCWD, file, O_RDONLY | O_CLOEXEC, 0);
    if (fd < 0) return 0;
    char text[16] = {0};
    ssize_t len = syscall(SYS_read, fd, text, sizeof text - 1);
    syscall(SYS_close, fd);
    int error = len > 0 ? atoi(text) : 0;
    if (error) errno = error;
    return error != 0;
}

#define REAL(name) ((__typeof__(&name))dlsym(RTLD_NEXT, #name))

#define ON_FD(type, name, params, args)             \
    type name params {                              \
        if (is_file_below(fd) && step()) return -1; \
        return REAL(name) args;                     \
    }

ON_FD(ssize_t, write, (int fd, const void *from, size_t count), (fd, from, count))
ON_FD(ssize_t, pwrite, (int fd, const void *from, size_t count, off_t at), (fd, from, count, at))
ON_FD(ssize_t, pwrite64, (int fd, const void *from, size_t count, off64_t at), (fd, from, count, at))
ON_FD(ssize_t, writev, (int fd, const struct iovec *from, int count), (fd, from, count))
ON_FD(int, fsync, (int fd), (fd))
ON_FD(int, fdatasync, (int fd), (fd))
ON_FD(int, ftruncate, (int fd, off_t length), (fd, length))
ON_FD(int, ftruncate64, (int fd, off64_t length), (fd, length))

int unlink(const char *path) {
    if (is_below(path) && step()) return -1;
    return REAL(unlink)(path);
}

int rename(const char *from, const char *to) {
    if ((is_below(from) || is_below(to)) && step()) return -1;
    return REAL(rename)(from, to);
}

#define OPENING(name)                                                      \
    int name(const char *path, int flags, ...) {                           \
        mode_t mode = 0;                                                   \
        if (flags & O_CREAT) {                                             \
            va_list rest;                                                  \
            va_start(rest, flags);                                         \
            mode = va_arg(rest, mode_t);                                   \
            va_end(rest);                                                  \
        }                                                                  \
        struct stat known;                                                 \
        int makes = (flags & O_CREAT) && is_below(path) && stat(path, &known) != 0; \
        if (makes && step()) return -1;                                    \
        return REAL(name)(path, flags, mode);                              \
    }

OPENING(open)
OPENING(open64)
