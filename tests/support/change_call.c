// SPDX-License-Identifier: Apache-2.0
// Runs a program and changes one of its system calls, or one of a child's, into another, as code
// that took the process over would make it:
//
//   change_call PROGRAM CALL NTH OTHER COMMAND [ARGUMENT]...
//
// PROGRAM is the beginning of the name (/proc/PID/comm) of the processes that count.
#define _GNU_SOURCE
#include <errno.h>
#include <seccomp.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ptrace.h>
#include <sys/user.h>
#include <sys/wait.h>
#include <unistd.h>

/// How many filters a process has, and its name.
static int filters_of(pid_t pid, char name[32]) {
    char path[64];
    char line[256];
    int filters = 0;
    snprintf(path, sizeof path, "/proc/%d/status", pid);
    FILE* const file = fopen(path, "re");
    if (file == NULL)
        return 0;
    while (fgets(line, sizeof line, file) != NULL) {
        sscanf(line, "Name: %31s", name);
        sscanf(line, "Seccomp_filters: %d", &filters);
    }
    fclose(file);
    return filters;
}

/// Whether it has that name, and a filter that this program lacks: before it has one, nothing of its
/// own is denied.
static int counts(pid_t pid, const char* program) {
    char name[32] = "";
    char own_name[32] = "";
    return filters_of(pid, name) > filters_of(getpid(), own_name)
           && strncmp(name, program, strlen(program)) == 0;
}

static int run(char** command) {
    ptrace(PTRACE_TRACEME, 0, NULL, NULL);
    raise(SIGSTOP);
    execv(command[0], command);
    perror(command[0]);
    return 127;
}

int main(int argc, char** argv) {
    if (argc < 6)
        return 2;
    const int from = seccomp_syscall_resolve_name(argv[2]);
    const int to = seccomp_syscall_resolve_name(argv[4]);
    int left = atoi(argv[3]);
    const pid_t first = fork();
    if (first == 0)
        return run(argv + 5);
    int status = 0;
    waitpid(first, &status, 0);
    const long options = PTRACE_O_TRACESYSGOOD | PTRACE_O_TRACECLONE | PTRACE_O_TRACEFORK
                         | PTRACE_O_TRACEVFORK | PTRACE_O_TRACEEXEC | PTRACE_O_EXITKILL;
    ptrace(PTRACE_SETOPTIONS, first, NULL, options);
    ptrace(PTRACE_SYSCALL, first, NULL, NULL);
    int code = 127;
    for (pid_t pid; (pid = waitpid(-1, &status, __WALL)) > 0;) {
        if (WIFEXITED(status) || WIFSIGNALED(status)) {
            if (pid == first)
                code = WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
            continue;
        }
        const int signal = WSTOPSIG(status);
        if (signal == (SIGTRAP | 0x80)) {
            struct __ptrace_syscall_info info;
            memset(&info, 0, sizeof info);
            ptrace(PTRACE_GET_SYSCALL_INFO, pid, sizeof info, &info);
            if (info.op == PTRACE_SYSCALL_INFO_ENTRY && (int)info.entry.nr == from
                && counts(pid, argv[1]) && --left == 0) {
                struct user_regs_struct registers;
                ptrace(PTRACE_GETREGS, pid, NULL, &registers);
                registers.orig_rax = (unsigned long)to;
                ptrace(PTRACE_SETREGS, pid, NULL, &registers);
            }
        }
        const int event = status >> 16;
        const int ours = signal == (SIGTRAP | 0x80) || event != 0 || signal == SIGSTOP;
        ptrace(PTRACE_SYSCALL, pid, NULL, ours ? 0L : (long)signal);
    }
    return left > 0 ? 126 : code;
}
