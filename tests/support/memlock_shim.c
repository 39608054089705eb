// SPDX-License-Identifier: Apache-2.0
// LD_PRELOAD for crun before 1.21 where CAP_SYS_RESOURCE is missing: it gives up when it cannot
// raise RLIMIT_MEMLOCK, which since Linux 5.11 does not limit device programs any more.
#define _GNU_SOURCE
#include <errno.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

int setrlimit(__rlimit_resource_t resource, const struct rlimit* limit) {
    if (syscall(SYS_prlimit64, 0, resource, limit, NULL) == 0)
        return 0;
    return errno == EPERM ? 0 : -1;
}

int setrlimit64(__rlimit_resource_t resource, const struct rlimit64* limit) {
    return setrlimit(resource, (const struct rlimit*)limit);
}
