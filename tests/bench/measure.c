// SPDX-License-Identifier: Apache-2.0
// Times programs that do something to a container that is being made.
//
//   measure RUNS BUNDLE CGROUP [AFTER [ARGUMENT]...] -- PROGRAM [ARGUMENT]... [-- PROGRAM ...]...
//
// For each run of each program, in turn, a process is made that stands for the container at its
// prestart stage: in a mount namespace of its own, with an overlay over BUNDLE/lower mounted at
// BUNDLE/rootfs and a tmpfs on its /dev, and in the cgroup CGROUP (version 2) with a device
// program that denies everything. The program gets the OCI state on stdin; "{pid}" in its
// arguments stands for that process. The time is from before posix_spawn to after wait. AFTER runs
// at the end of each container, not timed, with the same state. A line for each program: its name,
// microseconds (median, best, 90th, 99th and 99.9th percentile) and its peak in KiB.
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <linux/bpf.h>
#include <sched.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum { most_programs = 16, most_arguments = 16, most_runs = 1000 };

struct program {
    char* argv[most_arguments];
    int argc;
    double times[most_runs];
    long peak;
};

static const char* bundle;
static const char* cgroup;
static struct program after;

static void die(const char* what) {
    perror(what);
    exit(1);
}

static void write_file(const char* path, const char* text) {
    const int fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0644);
    if (fd < 0 || write(fd, text, strlen(text)) != (ssize_t)strlen(text))
        die(path);
    close(fd);
}

static void deny_devices(void) {
    const struct bpf_insn code[] = {
        {.code = BPF_ALU64 | BPF_MOV | BPF_K, .dst_reg = BPF_REG_0, .imm = 0},
        {.code = BPF_JMP | BPF_EXIT},
    };
    union bpf_attr load = {.prog_type = BPF_PROG_TYPE_CGROUP_DEVICE,
                           .insns = (unsigned long)code,
                           .insn_cnt = 2,
                           .license = (unsigned long)"Apache-2.0"};
    const long program = syscall(SYS_bpf, BPF_PROG_LOAD, &load, sizeof load);
    const int directory = open(cgroup, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    union bpf_attr attach = {.target_fd = (unsigned)directory,
                             .attach_bpf_fd = (unsigned)program,
                             .attach_type = BPF_CGROUP_DEVICE,
                             .attach_flags = BPF_F_ALLOW_MULTI};
    if (program < 0 || directory < 0
        || syscall(SYS_bpf, BPF_PROG_ATTACH, &attach, sizeof attach) != 0)
        die("attach a device program");
    close((int)program);
    close(directory);
}

static void become_container(int ready) {
    char path[4096];
    char options[8192];
    if (unshare(CLONE_NEWNS) != 0 || mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) != 0)
        die("unshare");
    snprintf(path, sizeof path, "%s/upper", bundle);
    if (mount("tmpfs", path, "tmpfs", 0, NULL) != 0)
        die(path);
    snprintf(path, sizeof path, "%s/upper/u", bundle);
    mkdir(path, 0755);
    snprintf(path, sizeof path, "%s/upper/w", bundle);
    mkdir(path, 0755);
    snprintf(options, sizeof options, "lowerdir=%s/lower,upperdir=%s/upper/u,workdir=%s/upper/w",
             bundle, bundle, bundle);
    snprintf(path, sizeof path, "%s/rootfs", bundle);
    if (mount("overlay", path, "overlay", 0, options) != 0)
        die("overlay");
    snprintf(path, sizeof path, "%s/rootfs/dev", bundle);
    if (mount("tmpfs", path, "tmpfs", 0, NULL) != 0)
        die(path);
    snprintf(path, sizeof path, "%s/rootfs/proc", bundle);
    if (mount("proc", path, "proc", 0, NULL) != 0)
        die(path);
    if (write(ready, "r", 1) != 1)
        die("pipe");
    for (;;)
        pause();
}

static pid_t start_container(void) {
    int ready[2];
    char byte;
    char text[64];
    char path[4096];
    if (mkdir(cgroup, 0755) != 0 && errno != EEXIST)
        die(cgroup);
    if (pipe2(ready, O_CLOEXEC) != 0)
        die("pipe");
    const pid_t pid = fork();
    if (pid == 0) {
        become_container(ready[1]);
    }
    close(ready[1]);
    if (read(ready[0], &byte, 1) != 1)
        die("the container did not start");
    close(ready[0]);
    snprintf(path, sizeof path, "%s/cgroup.procs", cgroup);
    snprintf(text, sizeof text, "%d", pid);
    write_file(path, text);
    deny_devices();
    return pid;
}

static void end_container(pid_t pid) {
    kill(pid, SIGKILL);
    waitpid(pid, NULL, 0);
    for (int i = 0; i < 1000 && rmdir(cgroup) != 0 && errno == EBUSY; ++i)
        usleep(1000);
}

static double now(void) {
    struct timespec time;
    clock_gettime(CLOCK_MONOTONIC, &time);
    return (double)time.tv_sec * 1e6 + (double)time.tv_nsec / 1e3;
}

/// Its time, for the container of that state; `status` as wait(2) has it.
static double time_program(struct program* program, pid_t container, const char* state,
                           int* status) {
    extern char** environ;
    char number[32];
    char* argv[most_arguments + 1] = {NULL};
    int input[2];
    pid_t child = 0;
    struct rusage used;
    posix_spawn_file_actions_t actions;
    snprintf(number, sizeof number, "%d", container);
    for (int i = 0; i < program->argc; ++i)
        argv[i] = strcmp(program->argv[i], "{pid}") == 0 ? number : program->argv[i];
    if (pipe2(input, O_CLOEXEC) != 0 || write(input[1], state, strlen(state)) < 0)
        die("pipe");
    close(input[1]);
    posix_spawn_file_actions_init(&actions);
    posix_spawn_file_actions_adddup2(&actions, input[0], 0);
    const double start = now();
    if (posix_spawn(&child, argv[0], &actions, NULL, argv, environ) != 0)
        die(argv[0]);
    wait4(child, status, 0, &used);
    const double time = now() - start;
    posix_spawn_file_actions_destroy(&actions);
    close(input[0]);
    if (used.ru_maxrss > program->peak)
        program->peak = used.ru_maxrss;
    return time;
}

static double run(struct program* program) {
    char state[8192];
    int status = 0;
    int ignored = 0;
    const pid_t container = start_container();
    snprintf(state, sizeof state,
             "{\"ociVersion\":\"1.0.2\",\"id\":\"grapnel-bench\",\"status\":\"creating\","
             "\"pid\":%d,\"bundle\":\"%s\"}",
             container, bundle);
    const double time = time_program(program, container, state, &status);
    end_container(container);
    if (after.argc > 0)
        time_program(&after, container, state, &ignored);
    if (status != 0) {
        fprintf(stderr, "%s failed\n", program->argv[0]);
        exit(1);
    }
    return time;
}

static int ascending(const void* a, const void* b) {
    const double difference = *(const double*)a - *(const double*)b;
    return (difference > 0) - (difference < 0);
}

int main(int argc, char** argv) {
    static struct program programs[most_programs];
    int count = -1;
    if (argc < 6)
        return 2;
    const int runs = atoi(argv[1]);
    bundle = argv[2];
    cgroup = argv[3];
    for (int i = 4; i < argc; ++i)
        if (strcmp(argv[i], "--") == 0)
            ++count;
        else if (count < 0 && after.argc < most_arguments)
            after.argv[after.argc++] = argv[i];
        else if (count >= 0 && count < most_programs && programs[count].argc < most_arguments)
            programs[count].argv[programs[count].argc++] = argv[i];
    ++count;
    if (runs < 1 || runs > most_runs || count < 1 || count > most_programs)
        return 2;
    for (int warm = 0; warm < count; ++warm)
        run(&programs[warm]);
    for (int r = 0; r < runs; ++r)
        for (int p = 0; p < count; ++p)
            programs[p].times[r] = run(&programs[p]);
    for (int p = 0; p < count; ++p) {
        double* times = programs[p].times;
        qsort(times, (size_t)runs, sizeof *times, ascending);
        printf("%s %.1f %.1f %.1f %.1f %.1f %ld\n", programs[p].argv[0], times[runs / 2], times[0],
               times[runs * 9 / 10], times[runs * 99 / 100], times[runs * 999 / 1000],
               programs[p].peak);
    }
    return 0;
}
