// SPDX-License-Identifier: Apache-2.0
// The floor that the hook is measured against: the system calls of a plan and nothing else.
//
//   floor LIST PID ROOTFS CGROUP RECORD
//
// LIST holds the plan, made beforehand: lines of "mount HOST INSIDE ATTRIBUTES",
// "link INSIDE TARGET", "file NAME" (of /proc/driver/nvidia), "rule TYPE MAJOR MINOR", and "cache
// PATH": that file is read, and replaced by one that is a little longer.
// Nothing is checked, resolved or recovered: it only shows what the kernel needs.
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <linux/bpf.h>
#include <linux/openat2.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

enum { most = 128 };

struct entry {
    char kind;
    char a[512];
    char b[512];
    unsigned long x, y, z;
    int tree;
};

static struct entry entries[most];
static int count;

static void die(const char* what) {
    perror(what);
    exit(1);
}

static void read_list(const char* path) {
    FILE* file = fopen(path, "re");
    char line[2048];
    if (file == NULL)
        die(path);
    while (count < most && fgets(line, sizeof line, file) != NULL) {
        struct entry* e = &entries[count];
        if (sscanf(line, "mount %511s %511s %lx", e->a, e->b, &e->x) == 3)
            e->kind = 'm';
        else if (sscanf(line, "link %511s %511s", e->a, e->b) == 2)
            e->kind = 'l';
        else if (sscanf(line, "file %511s", e->a) == 1)
            e->kind = 'f';
        else if (sscanf(line, "cache %511s", e->a) == 1)
            e->kind = 'c';
        else if (sscanf(line, "rule %lu %lu %lu", &e->x, &e->y, &e->z) == 3)
            e->kind = 'r';
        else
            continue;
        ++count;
    }
    fclose(file);
}

static int clone_tree(const char* host, unsigned long attributes) {
    struct mount_attr attr = {.attr_set = attributes, .propagation = MS_PRIVATE};
    const int tree = open_tree(AT_FDCWD, host, OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC);
    if (tree < 0 || mount_setattr(tree, "", AT_EMPTY_PATH, &attr, sizeof attr) != 0)
        die(host);
    return tree;
}

static int make_view(void) {
    const int context = fsopen("tmpfs", FSOPEN_CLOEXEC);
    fsconfig(context, FSCONFIG_SET_STRING, "size", "1m", 0);
    fsconfig(context, FSCONFIG_CMD_CREATE, NULL, NULL, 0);
    const int tree = fsmount(context, FSMOUNT_CLOEXEC, MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV);
    struct mount_attr attr = {.attr_set = MOUNT_ATTR_RDONLY};
    for (int i = 0; i < count; ++i)
        if (entries[i].kind == 'f') {
            const int file = openat(tree, entries[i].a, O_WRONLY | O_CREAT | O_CLOEXEC, 0444);
            if (file < 0 || write(file, "ModifyDeviceFiles: 0\n", 21) != 21)
                die("write");
            close(file);
        }
    mkdirat(tree, "gpus", 0755);
    mount_setattr(tree, "", AT_EMPTY_PATH, &attr, sizeof attr);
    close(context);
    return tree;
}

static long bpf(int command, union bpf_attr* attr) {
    return syscall(SYS_bpf, command, attr, sizeof *attr);
}

/// One program that allows the rules and denies the rest takes the attached one's place.
static void allow(const char* cgroup) {
    static struct bpf_insn code[most * 8];
    int n = 0;
#define ADD(o, d, s, f, i)                                                                         \
    code[n++] = (struct bpf_insn){.code = (o), .dst_reg = (d), .src_reg = (s), .off = (f), .imm = (i)}
    ADD(BPF_LDX | BPF_MEM | BPF_W, 4, 1, 4, 0);
    ADD(BPF_LDX | BPF_MEM | BPF_W, 5, 1, 8, 0);
    for (int i = 0; i < count; ++i)
        if (entries[i].kind == 'r') {
            ADD(BPF_JMP | BPF_JNE | BPF_K, 4, 0, 3, (int)entries[i].y);
            ADD(BPF_JMP | BPF_JNE | BPF_K, 5, 0, 2, (int)entries[i].z);
            ADD(BPF_ALU64 | BPF_MOV | BPF_K, 0, 0, 0, 1);
            ADD(BPF_JMP | BPF_EXIT, 0, 0, 0, 0);
        }
    ADD(BPF_ALU64 | BPF_MOV | BPF_K, 0, 0, 0, 0);
    ADD(BPF_JMP | BPF_EXIT, 0, 0, 0, 0);
    const int directory = open(cgroup, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    unsigned ids[8] = {0};
    union bpf_attr query = {.query = {.target_fd = (unsigned)directory,
                                      .attach_type = BPF_CGROUP_DEVICE,
                                      .prog_ids = (unsigned long)ids,
                                      .prog_cnt = 8}};
    if (directory < 0 || bpf(BPF_PROG_QUERY, &query) != 0)
        die("query");
    union bpf_attr by_id = {.prog_id = ids[0]};
    const long old = bpf(BPF_PROG_GET_FD_BY_ID, &by_id);
    union bpf_attr load = {.prog_type = BPF_PROG_TYPE_CGROUP_DEVICE,
                           .insns = (unsigned long)code,
                           .insn_cnt = (unsigned)n,
                           .license = (unsigned long)"Apache-2.0"};
    const long fresh = bpf(BPF_PROG_LOAD, &load);
    union bpf_attr attach = {.target_fd = (unsigned)directory,
                             .attach_bpf_fd = (unsigned)fresh,
                             .attach_type = BPF_CGROUP_DEVICE,
                             .attach_flags = query.query.attach_flags | BPF_F_REPLACE,
                             .replace_bpf_fd = (unsigned)old};
    if (old < 0 || fresh < 0 || bpf(BPF_PROG_ATTACH, &attach) != 0)
        die("replace the device program");
}

static int make_target(int root, const char* inside) {
    char parent[512];
    struct open_how how = {.flags = O_PATH | O_DIRECTORY | O_CLOEXEC, .resolve = RESOLVE_IN_ROOT};
    snprintf(parent, sizeof parent, "%s", inside);
    char* const slash = strrchr(parent, '/');
    *slash = '\0';
    int directory = (int)syscall(SYS_openat2, root, parent, &how, sizeof how);
    if (directory < 0) {
        for (char* at = strchr(parent + 1, '/'); at != NULL; at = strchr(at + 1, '/')) {
            *at = '\0';
            mkdirat(root, parent + 1, 0755);
            *at = '/';
        }
        mkdirat(root, parent + 1, 0755);
        directory = (int)syscall(SYS_openat2, root, parent, &how, sizeof how);
    }
    const int target =
        openat(directory, slash + 1, O_RDONLY | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0644);
    if (target < 0)
        die(inside);
    close(directory);
    return target;
}

static void replace_cache(int root, const char* path) {
    static char bytes[1 << 20];
    enum { added = 2048 };
    const int old = openat(root, path, O_RDONLY | O_CLOEXEC);
    const ssize_t length = read(old, bytes, sizeof bytes - added);
    const int fresh = openat(root, "etc/.floor", O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
    if (old < 0 || length < 0 || fresh < 0 || write(fresh, bytes, (size_t)length + added) < 0
        || renameat(root, "etc/.floor", root, path) != 0)
        die(path);
}

int main(int argc, char** argv) {
    char state[4096];
    if (argc != 6)
        return 2;
    while (read(0, state, sizeof state) > 0) {
    }
    read_list(argv[1]);
    for (int i = 0; i < count; ++i)
        if (entries[i].kind == 'm')
            entries[i].tree = clone_tree(entries[i].a, entries[i].x);
    const int view = make_view();
    allow(argv[4]);
    const int process = (int)syscall(SYS_pidfd_open, atoi(argv[2]), 0);
    if (process < 0 || setns(process, CLONE_NEWNS) != 0)
        die("setns");
    const int root = open(argv[3], O_PATH | O_DIRECTORY | O_CLOEXEC);
    struct open_how how = {.flags = O_PATH | O_CLOEXEC, .resolve = RESOLVE_IN_ROOT};
    const int place = (int)syscall(SYS_openat2, root, "/proc/driver/nvidia", &how, sizeof how);
    if (place >= 0)
        move_mount(view, "", place, "", MOVE_MOUNT_F_EMPTY_PATH | MOVE_MOUNT_T_EMPTY_PATH);
    for (int i = 0; i < count; ++i) {
        struct entry* e = &entries[i];
        if (e->kind == 'm') {
            const int target = make_target(root, e->b);
            if (move_mount(e->tree, "", target, "",
                           MOVE_MOUNT_F_EMPTY_PATH | MOVE_MOUNT_T_EMPTY_PATH)
                != 0)
                die(e->b);
            close(target);
        } else if (e->kind == 'l') {
            symlinkat(e->b, root, e->a + 1);
        } else if (e->kind == 'c') {
            replace_cache(root, e->a);
        }
    }
    const int record = open(argv[5], O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    if (record < 0 || write(record, state, 1024) < 0)
        die(argv[5]);
    return 0;
}
