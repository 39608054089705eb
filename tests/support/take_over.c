// SPDX-License-Identifier: Apache-2.0
// Runs a command. The first of its processes that writes below a seccomp filter is taken over: it
// makes another system call instead, as injected code would.
//
//   take_over [--powerful] [--at CALL] NUMBER [ARGUMENT]... -- COMMAND...
//   take_over [--powerful] --change TEXT OTHER -- COMMAND...
//
// With --change the process writes OTHER, of the same length, in the place of each TEXT.
//
// With --at it is the first that makes that call, named by its number; with --powerful one that has
// Linux capabilities left, as a process that only computes has not.
//
// An ARGUMENT is a number, or a text whose address the call gets. Prints the /proc/PID/status and
// limits of that process, then "result N" (meaningless if it is killed for the call), and "killed
// by SIGNAL". Exits as the command does.
#define _GNU_SOURCE
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ptrace.h>
#include <sys/syscall.h>
#include <sys/user.h>
#include <sys/wait.h>
#include <unistd.h>

static int words;
static char** word;

/// A file of /proc/PID; 0: the process has ended.
static int read_file(pid_t pid, const char* name, char* text, size_t size) {
    char path[64];
    snprintf(path, sizeof path, "/proc/%d/%s", pid, name);
    FILE* file = fopen(path, "r");
    if (!file)
        return 0;
    text[fread(text, 1, size - 1, file)] = 0;
    fclose(file);
    return 1;
}

static int powerful;

static int is_filtered(pid_t pid, char* status, size_t size) {
    return read_file(pid, "status", status, size) && strstr(status, "Seccomp:\t2") != NULL
           && (!powerful || strstr(status, "CapPrm:\t0000000000000000") == NULL);
}

static unsigned long long put_text(pid_t pid, unsigned long long at, const char* text) {
    for (size_t i = 0; i <= strlen(text); i += sizeof(long)) {
        long part = 0;
        strncpy((char*)&part, text + i, sizeof part);
        ptrace(PTRACE_POKEDATA, pid, at + i, part);
    }
    return at;
}

static int changes;

static void change_output(pid_t pid, const struct user_regs_struct* regs) {
    char path[64];
    snprintf(path, sizeof path, "/proc/%d/mem", pid);
    const int memory = open(path, O_RDWR);
    char* const bytes = malloc(regs->rdx);
    const ssize_t size = pread(memory, bytes, regs->rdx, (off_t)regs->rsi);
    const size_t length = strlen(word[0]);
    int changed = 0;
    for (char* at = bytes; size > 0 && (at = memmem(at, bytes + size - at, word[0], length));
         ++changed)
        memcpy(at, word[1], length);
    printf("changed %d\n", changed);
    if (size > 0 && pwrite(memory, bytes, size, (off_t)regs->rsi) != size)
        printf("not written\n");
    free(bytes);
    close(memory);
}

static void take_over(pid_t pid) {
    struct user_regs_struct regs;
    ptrace(PTRACE_GETREGS, pid, 0, &regs);
    if (changes)
        return change_output(pid, &regs);
    unsigned long long* const arguments[] = {&regs.rdi, &regs.rsi, &regs.rdx,
                                             &regs.r10, &regs.r8,  &regs.r9};
    regs.orig_rax = strtoull(word[0], NULL, 0);
    for (int i = 1; i < words && i <= 6; ++i) {
        char* end;
        const long long number = strtoll(word[i], &end, 0);
        *arguments[i - 1] =
            *end ? put_text(pid, regs.rsp - 1024 - 256 * i, word[i]) : (unsigned long long)number;
    }
    ptrace(PTRACE_SETREGS, pid, 0, &regs);
}

int main(int argc, char** argv) {
    word = argv + 1;
    long at = SYS_write;
    if (argc > 1 && strcmp(word[0], "--powerful") == 0) {
        powerful = 1;
        ++word;
        --argc;
    }
    if (argc > 2 && strcmp(word[0], "--at") == 0) {
        at = strtol(word[1], NULL, 0);
        word += 2;
        argc -= 2;
    }
    if (argc > 1 && strcmp(word[0], "--change") == 0) {
        changes = 1;
        ++word;
        --argc;
    }
    while (words < argc - 1 && strcmp(word[words], "--") != 0)
        ++words;
    const pid_t command = fork();
    if (command == 0) {
        ptrace(PTRACE_TRACEME, 0, 0, 0);
        raise(SIGSTOP);
        execvp(word[words + 1], word + words + 1);
        _exit(127);
    }
    int state;
    waitpid(command, &state, 0);
    ptrace(PTRACE_SETOPTIONS, command, 0,
           PTRACE_O_TRACECLONE | PTRACE_O_TRACEFORK | PTRACE_O_TRACEVFORK | PTRACE_O_TRACESYSGOOD
               | PTRACE_O_EXITKILL);
    ptrace(PTRACE_SYSCALL, command, 0, 0);
    pid_t victim = 0;
    int answered = 0;
    for (;;) {
        const pid_t pid = waitpid(-1, &state, __WALL);
        if (pid < 0)
            return 125;
        if (WIFEXITED(state) || WIFSIGNALED(state)) {
            if (pid == victim && WIFSIGNALED(state))
                printf("killed by %d\n", WTERMSIG(state));
            if (pid == command)
                return WIFEXITED(state) ? WEXITSTATUS(state) : 128 + WTERMSIG(state);
            continue;
        }
        int signal = WSTOPSIG(state);
        if (signal == (SIGTRAP | 0x80)) {
            struct __ptrace_syscall_info info;
            char status[8192];
            ptrace(PTRACE_GET_SYSCALL_INFO, pid, sizeof info, &info);
            const int enters = info.op == PTRACE_SYSCALL_INFO_ENTRY;
            if (!victim && enters && info.entry.nr == (unsigned long)at
                && is_filtered(pid, status, sizeof status)) {
                victim = pid;
                fputs(status, stdout);
                if (read_file(pid, "limits", status, sizeof status))
                    fputs(status, stdout);
                take_over(pid);
            } else if (pid == victim && !enters && !answered) {
                printf("result %lld\n", (long long)info.exit.rval);
                answered = 1;
            }
        }
        if (signal == (SIGTRAP | 0x80) || signal == SIGTRAP || signal == SIGSTOP)
            signal = 0;
        ptrace(PTRACE_SYSCALL, pid, 0, signal);
    }
}
