// SPDX-License-Identifier: Apache-2.0
// Runs a program and its children, and has one system call of one of these processes fail, or that
// process killed at it:
//
//   fail_call RESULT list COMMAND [ARGUMENT]...
//   fail_call RESULT PROCESS CALL NUMBER ERRNO|kill COMMAND [ARGUMENT]...
//
// A process is named by the order of its creation: 0 is the program, 0.0 its first child. NUMBER
// counts the calls of that name in that process, from 1; a call that libseccomp does not know is
// named by its number: "#457". The file RESULT gets lines of words:
// "call PROCESS CALL COUNT MAIN own|other" with `list`, where MAIN is the number of the first one after
// the program's first close_range or fcntl (before that its C library starts), and "other" says that
// the process executes another program in the end; "hit" if the call was
// reached; "ended PROCESS exit|signal NUMBER"; "left PROCESS" for one that lives three seconds after
// the program ended. Such ones are killed.
#define _GNU_SOURCE
#include <elf.h>
#include <errno.h>
#include <seccomp.h>
#include <signal.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ptrace.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/user.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum { most_calls = 1024, most_processes = 64, grace_seconds = 3 };

struct process {
    pid_t pid;
    char name[32];
    int children;
    int counts[most_calls];
    int before_main[most_calls];
    bool started;
    bool executed;
    bool is_other; // the program has become another one, as a runtime becomes runc
    bool in_main;
    bool ended;
    bool in_call;
    bool result_is_ours;
};

static struct process processes[most_processes];
static int process_count;
static pid_t early[most_processes]; // children that stopped before their parent's event
static int early_count;
static FILE* result;

static struct {
    const char* process;
    int call;
    int number;
    int error; // 0: kill
} wanted = {NULL, -1, 0, 0};

static void die(const char* what) {
    perror(what);
    exit(125);
}

static struct process* find(pid_t pid) {
    for (int i = 0; i < process_count; ++i)
        if (processes[i].pid == pid && !processes[i].ended)
            return &processes[i];
    return NULL;
}

static struct process* add(pid_t pid, struct process* parent) {
    struct process* made = &processes[process_count++];
    if (process_count == most_processes)
        exit(125);
    made->pid = pid;
    made->is_other = parent != NULL && parent->is_other;
    if (parent == NULL)
        strcpy(made->name, "0");
    else
        snprintf(made->name, sizeof made->name, "%.24s.%d", parent->name, parent->children++);
    return made;
}

static void add_child(pid_t pid, struct process* parent) {
    struct process* child = add(pid, parent);
    for (int i = 0; i < most_processes; ++i)
        if (early[i] == pid) {
            early[i] = 0;
            child->started = true;
            ptrace(PTRACE_SYSCALL, pid, 0, 0);
        }
}

#ifdef __x86_64__
static void set_register(pid_t pid, bool is_result, long value) {
    const size_t at = is_result ? offsetof(struct user_regs_struct, rax)
                                : offsetof(struct user_regs_struct, orig_rax);
    if (ptrace(PTRACE_POKEUSER, pid, at, value) != 0 && errno != ESRCH)
        die("PTRACE_POKEUSER");
}
#else
static void set_register(pid_t pid, bool is_result, long value) {
    struct user_regs_struct all;
    int call = (int)value;
    struct iovec io = {is_result ? (void*)&all : &call, is_result ? sizeof all : sizeof call};
    const long set = is_result ? NT_PRSTATUS : NT_ARM_SYSTEM_CALL;
    if (is_result) {
        ptrace(PTRACE_GETREGSET, pid, set, &io);
        all.regs[0] = value;
    }
    ptrace(PTRACE_SETREGSET, pid, set, &io);
}
#endif

static bool is_wanted(const struct process* process, int call) {
    return wanted.process != NULL && call == wanted.call
           && process->counts[call] == wanted.number && strcmp(process->name, wanted.process) == 0;
}

static void enter_call(struct process* process, int call) {
    if (call < 0 || call >= most_calls || process->is_other)
        return;
    if (process != processes || call == SYS_close_range || call == SYS_fcntl)
        process->in_main = true;
    ++process->counts[call];
    if (!process->in_main)
        ++process->before_main[call];
    if (!is_wanted(process, call))
        return;
    fprintf(result, "hit\n");
    if (wanted.error == 0) {
        kill(process->pid, SIGKILL);
        return;
    }
    // a descriptor is closed even where close fails; any other call is not made, and one that
    // every filter allows is in its place
    if (call != SYS_close)
        set_register(process->pid, false, SYS_getpid);
    process->result_is_ours = true;
}

static void stop_at_call(struct process* process) {
    struct __ptrace_syscall_info info;
    if (ptrace(PTRACE_GET_SYSCALL_INFO, process->pid, sizeof info, &info) <= 0)
        return;
    if (info.op == PTRACE_SYSCALL_INFO_ENTRY) {
        enter_call(process, (int)info.entry.nr);
    } else if (process->result_is_ours) {
        set_register(process->pid, true, -wanted.error);
        process->result_is_ours = false;
    }
}

static void end(struct process* process, int status) {
    process->ended = true;
    fprintf(result, "ended %s %s %d\n", process->name, WIFEXITED(status) ? "exit" : "signal",
            WIFEXITED(status) ? WEXITSTATUS(status) : WTERMSIG(status));
}

static void stopped(pid_t pid, int status) {
    struct process* process = find(pid);
    const int event = status >> 16;
    int signal = WSTOPSIG(status);
    if (process == NULL) {
        early[early_count++ % most_processes] = pid;
        return;
    }
    if (!process->started && signal == SIGSTOP) {
        process->started = true;
        signal = 0;
    }
    if (signal == (SIGTRAP | 0x80)) {
        stop_at_call(process);
        signal = 0;
    } else if (event == PTRACE_EVENT_FORK || event == PTRACE_EVENT_CLONE
               || event == PTRACE_EVENT_VFORK) {
        unsigned long child = 0;
        ptrace(PTRACE_GETEVENTMSG, pid, 0, &child);
        add_child((pid_t)child, process);
        signal = 0;
    } else if (event == PTRACE_EVENT_EXEC) {
        process->is_other = process->is_other || (process == processes && process->executed);
        process->executed = true;
        signal = 0;
    } else if (event != 0 || signal == SIGTRAP) {
        signal = 0;
    }
    ptrace(PTRACE_SYSCALL, pid, 0, signal);
}

static double now(void) {
    struct timespec time;
    clock_gettime(CLOCK_MONOTONIC, &time);
    return (double)time.tv_sec + (double)time.tv_nsec / 1e9;
}

static void kill_left(void) {
    for (int i = 0; i < process_count; ++i) {
        if (processes[i].ended)
            continue;
        fprintf(result, "left %s\n", processes[i].name);
        kill(processes[i].pid, SIGKILL);
    }
}

/// Until all have ended.
static void follow(void) {
    double deadline = 0;
    for (;;) {
        int status = 0;
        const pid_t pid = waitpid(-1, &status, __WALL | (processes[0].ended ? WNOHANG : 0));
        if (pid < 0)
            return;
        if (pid == 0) {
            if (deadline == 0)
                deadline = now() + grace_seconds;
            if (now() > deadline) {
                kill_left();
                return;
            }
            usleep(500);
            continue;
        }
        struct process* process = find(pid);
        if (WIFSTOPPED(status))
            stopped(pid, status);
        else if (process != NULL)
            end(process, status);
    }
}

static void start(char** command) {
    const pid_t pid = fork();
    if (pid < 0)
        die("fork");
    if (pid == 0) {
        ptrace(PTRACE_TRACEME, 0, 0, 0);
        raise(SIGSTOP);
        execvp(command[0], command);
        die(command[0]);
    }
    int status = 0;
    if (waitpid(pid, &status, 0) != pid || !WIFSTOPPED(status))
        die("waitpid");
    const long options = PTRACE_O_TRACESYSGOOD | PTRACE_O_EXITKILL | PTRACE_O_TRACEFORK
                         | PTRACE_O_TRACEVFORK | PTRACE_O_TRACECLONE | PTRACE_O_TRACEEXEC;
    if (ptrace(PTRACE_SETOPTIONS, pid, 0, options) != 0)
        die("PTRACE_SETOPTIONS");
    add(pid, NULL)->started = true;
    ptrace(PTRACE_SYSCALL, pid, 0, 0);
}

static void list(void) {
    for (int i = 0; i < process_count; ++i)
        for (int call = 0; call < most_calls; ++call)
            if (processes[i].counts[call] > 0) {
                char* known = seccomp_syscall_resolve_num_arch(SCMP_ARCH_NATIVE, call);
                char number[16];
                snprintf(number, sizeof number, "#%d", call);
                fprintf(result, "call %s %s %d %d %s\n", processes[i].name,
                        known ? known : number, processes[i].counts[call],
                        processes[i].before_main[call] + 1,
                        i != 0 && processes[i].executed ? "other" : "own");
                free(known);
            }
}

int main(int argc, char** argv) {
    const bool lists = argc > 3 && strcmp(argv[2], "list") == 0;
    if (argc < (lists ? 4 : 7))
        return 125;
    result = fopen(argv[1], "we");
    if (result == NULL)
        die(argv[1]);
    if (!lists) {
        wanted.process = argv[2];
        wanted.call =
            argv[3][0] == '#' ? atoi(argv[3] + 1) : seccomp_syscall_resolve_name(argv[3]);
        wanted.number = atoi(argv[4]);
        wanted.error = atoi(argv[5]);
        if (wanted.call < 0)
            return 125;
    }
    start(argv + (lists ? 3 : 6));
    follow();
    if (lists)
        list();
    return 0;
}
