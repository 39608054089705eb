// SPDX-License-Identifier: Apache-2.0
// Runs a program on what looks like a kernel without some system calls:
//
//   deny_call CALL[,CALL]... COMMAND [ARGUMENT]...
//
// The call "memfd_exec" is memfd_create with MFD_EXEC, which fails as with vm.memfd_noexec=2. A call
// that libseccomp does not know yet is named by its number: "#457".
#define _GNU_SOURCE
#include <errno.h>
#include <seccomp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#ifndef MFD_EXEC
#define MFD_EXEC 0x0010U
#endif

static int deny(scmp_filter_ctx filter, const char* name) {
    if (strcmp(name, "memfd_exec") == 0)
        return seccomp_rule_add(filter, SCMP_ACT_ERRNO(EACCES), SCMP_SYS(memfd_create), 1,
                                SCMP_A1(SCMP_CMP_MASKED_EQ, MFD_EXEC, MFD_EXEC));
    const int call = name[0] == '#' ? atoi(name + 1) : seccomp_syscall_resolve_name(name);
    return call < 0 ? call : seccomp_rule_add(filter, SCMP_ACT_ERRNO(ENOSYS), call, 0);
}

int main(int argc, char** argv) {
    if (argc < 3)
        return 2;
    scmp_filter_ctx filter = seccomp_init(SCMP_ACT_ALLOW);
    // programs that are setuid work as before, where the caller may do without this
    if (geteuid() == 0)
        seccomp_attr_set(filter, SCMP_FLTATR_CTL_NNP, 0);
    for (char* name = strtok(argv[1], ","); name != NULL; name = strtok(NULL, ",")) {
        if (deny(filter, name) != 0) {
            fprintf(stderr, "deny_call: %s\n", name);
            return 2;
        }
    }
    if (seccomp_load(filter) != 0)
        return 2;
    execvp(argv[2], argv + 2);
    perror(argv[2]);
    return 2;
}
