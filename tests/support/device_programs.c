// SPDX-License-Identifier: Apache-2.0
// Device programs of cgroup v2, for tests:
//
//   device_programs attach CGROUP [call:|store:]allow|deny|deny-MAJOR[:call] [single|override]
//       call, store: begins so, or ends so where it allows, which says nothing of the rule
//   device_programs list CGROUP       a line for each program: flags, length, hash of its code
//   device_programs accesses CGROUP   how many programs a call has to pass, ancestors included
//   device_programs pin CGROUP PATH   pins the first one there
//   device_programs pinned CGROUP PATH   the line of what is pinned there
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <linux/bpf.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

static int bpf(int command, union bpf_attr* attributes) {
    return (int)syscall(SYS_bpf, command, attributes, sizeof *attributes);
}

static void fail(const char* what) {
    perror(what);
    exit(1);
}

static struct bpf_insn* append(struct bpf_insn* end, const struct bpf_insn* code, size_t size) {
    memcpy(end, code, size);
    return end + size / sizeof *code;
}

static struct bpf_insn* append_call(struct bpf_insn* end) {
    const struct bpf_insn code[] = {
        {.code = BPF_ALU64 | BPF_MOV | BPF_X, .dst_reg = 6, .src_reg = 1},
        {.code = BPF_JMP | BPF_CALL, .imm = BPF_FUNC_get_current_uid_gid},
        {.code = BPF_ALU64 | BPF_MOV | BPF_X, .dst_reg = 1, .src_reg = 6},
    };
    return append(end, code, sizeof code);
}

static struct bpf_insn* append_store(struct bpf_insn* end) {
    const struct bpf_insn code[] = {{.code = BPF_ST | BPF_MEM | BPF_W, .dst_reg = 10, .off = -4}};
    return append(end, code, sizeof code);
}

static struct bpf_insn* append_rule(struct bpf_insn* end, const char* rule) {
    // as runtimes do, every program lets mknod through; what a node may do is asked at open
    const int denies_all = strcmp(rule, "deny") == 0;
    const int major = strncmp(rule, "deny-", 5) == 0 ? atoi(rule + 5) : 0xfffff;
    const struct bpf_insn code[] = {
        {.code = BPF_LDX | BPF_MEM | BPF_W,
         .dst_reg = 3,
         .src_reg = 1,
         .off = offsetof(struct bpf_cgroup_dev_ctx, access_type)},
        {.code = BPF_ALU64 | BPF_RSH | BPF_K, .dst_reg = 3, .imm = 16},
        {.code = BPF_LDX | BPF_MEM | BPF_W,
         .dst_reg = 4,
         .src_reg = 1,
         .off = offsetof(struct bpf_cgroup_dev_ctx, major)},
        {.code = BPF_JMP | BPF_JEQ | BPF_K, .dst_reg = 3, .off = 3, .imm = BPF_DEVCG_ACC_MKNOD},
        {.code = BPF_JMP | (denies_all ? BPF_JEQ : BPF_JNE) | BPF_K,
         .dst_reg = 4,
         .off = 2,
         .imm = denies_all ? 0xfffff : major},
        {.code = BPF_ALU64 | BPF_MOV | BPF_K, .dst_reg = 0, .imm = 0},
        {.code = BPF_JMP | BPF_EXIT},
    };
    return append(end, code, sizeof code);
}

static struct bpf_insn* append_yes(struct bpf_insn* end) {
    const struct bpf_insn code[] = {
        {.code = BPF_ALU64 | BPF_MOV | BPF_K, .dst_reg = 0, .imm = 1},
        {.code = BPF_JMP | BPF_EXIT},
    };
    return append(end, code, sizeof code);
}

static int load(const char* words) {
    struct bpf_insn code[32];
    struct bpf_insn* end = code;
    const char* rule = words;
    if (strncmp(words, "call:", 5) == 0) {
        end = append_call(end);
        rule += 5;
    } else if (strncmp(words, "store:", 6) == 0) {
        end = append_store(end);
        rule += 6;
    }
    end = append_rule(end, rule);
    if (strstr(rule, ":call") != NULL)
        end = append_call(end);
    end = append_yes(end);
    union bpf_attr attributes = {
        .prog_type = BPF_PROG_TYPE_CGROUP_DEVICE,
        .insns = (uintptr_t)code,
        .insn_cnt = (unsigned)(end - code),
        .license = (uintptr_t) "Apache-2.0",
    };
    const int program = bpf(BPF_PROG_LOAD, &attributes);
    if (program < 0)
        fail("load the program");
    return program;
}

static void attach(int cgroup, const char* rule, unsigned flags) {
    union bpf_attr attributes = {
        .target_fd = (unsigned)cgroup,
        .attach_bpf_fd = (unsigned)load(rule),
        .attach_type = BPF_CGROUP_DEVICE,
        .attach_flags = flags,
    };
    if (bpf(BPF_PROG_ATTACH, &attributes) != 0)
        fail("attach the program");
}

static unsigned flags_called(const char* name) {
    if (name == NULL)
        return BPF_F_ALLOW_MULTI;
    return strcmp(name, "override") == 0 ? BPF_F_ALLOW_OVERRIDE : 0;
}

static uint64_t hash(const unsigned char* bytes, size_t length) {
    uint64_t value = 14695981039346656037ULL; // FNV-1a
    for (size_t i = 0; i < length; ++i)
        value = (value ^ bytes[i]) * 1099511628211ULL;
    return value;
}

static void show(unsigned id, unsigned flags) {
    static unsigned char code[1 << 16];
    union bpf_attr attributes = {.prog_id = id};
    const int program = bpf(BPF_PROG_GET_FD_BY_ID, &attributes);
    if (program < 0)
        fail("open the program");
    struct bpf_prog_info info = {.xlated_prog_insns = (uintptr_t)code,
                                 .xlated_prog_len = sizeof code};
    memset(&attributes, 0, sizeof attributes);
    attributes.info.bpf_fd = (unsigned)program;
    attributes.info.info_len = sizeof info;
    attributes.info.info = (uintptr_t)&info;
    if (bpf(BPF_OBJ_GET_INFO_BY_FD, &attributes) != 0)
        fail("read the program");
    printf("%u %u %u %016llx\n", id, flags, info.xlated_prog_len,
           (unsigned long long)hash(code, info.xlated_prog_len));
    close(program);
}

static void pin(int cgroup, const char* path) {
    unsigned id = 0;
    union bpf_attr attributes = {0};
    attributes.query.target_fd = (unsigned)cgroup;
    attributes.query.attach_type = BPF_CGROUP_DEVICE;
    attributes.query.prog_ids = (uintptr_t)&id;
    attributes.query.prog_cnt = 1;
    if (bpf(BPF_PROG_QUERY, &attributes) != 0)
        fail("list the programs");
    memset(&attributes, 0, sizeof attributes);
    attributes.prog_id = id;
    const int program = bpf(BPF_PROG_GET_FD_BY_ID, &attributes);
    if (program < 0)
        fail("open the program");
    memset(&attributes, 0, sizeof attributes);
    attributes.pathname = (uintptr_t)path;
    attributes.bpf_fd = (unsigned)program;
    if (bpf(BPF_OBJ_PIN, &attributes) != 0)
        fail("pin the program");
}

static void show_pinned(const char* path) {
    union bpf_attr attributes = {.pathname = (uintptr_t)path};
    const int program = bpf(BPF_OBJ_GET, &attributes);
    if (program < 0)
        fail("open what is pinned");
    struct bpf_prog_info info = {0};
    memset(&attributes, 0, sizeof attributes);
    attributes.info.bpf_fd = (unsigned)program;
    attributes.info.info_len = sizeof info;
    attributes.info.info = (uintptr_t)&info;
    if (bpf(BPF_OBJ_GET_INFO_BY_FD, &attributes) != 0)
        fail("read the program");
    show(info.id, BPF_F_ALLOW_MULTI);
}

static void list(int cgroup, unsigned query_flags, int count_only) {
    unsigned ids[64];
    union bpf_attr attributes = {0};
    attributes.query.target_fd = (unsigned)cgroup;
    attributes.query.attach_type = BPF_CGROUP_DEVICE;
    attributes.query.query_flags = query_flags;
    attributes.query.prog_ids = (uintptr_t)ids;
    attributes.query.prog_cnt = 64;
    if (bpf(BPF_PROG_QUERY, &attributes) != 0)
        fail("list the programs");
    if (count_only) {
        printf("%u\n", attributes.query.prog_cnt);
        return;
    }
    for (unsigned i = 0; i < attributes.query.prog_cnt; ++i)
        show(ids[i], attributes.query.attach_flags);
}

int main(int argc, char** argv) {
    if (argc < 3)
        return 2;
    const int cgroup = open(argv[2], O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (cgroup < 0)
        fail(argv[2]);
    if (strcmp(argv[1], "attach") == 0 && argc > 3)
        attach(cgroup, argv[3], flags_called(argv[4]));
    else if (strcmp(argv[1], "list") == 0)
        list(cgroup, 0, 0);
    else if (strcmp(argv[1], "accesses") == 0)
        list(cgroup, BPF_F_QUERY_EFFECTIVE, 1);
    else if (strcmp(argv[1], "pin") == 0 && argc > 3)
        pin(cgroup, argv[3]);
    else if (strcmp(argv[1], "pinned") == 0 && argc > 3)
        show_pinned(argv[3]);
    else
        return 2;
    return 0;
}
