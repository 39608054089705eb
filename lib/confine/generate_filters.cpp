// SPDX-License-Identifier: Apache-2.0
// Run by the build: turns the lists of system calls below into BPF with libseccomp, and prints
// them as a header, with the names of all system calls. Doing this at each start would take the
// hook a third of a millisecond.
//
//   generate_filters ARCHITECTURE
#include <algorithm>
#include <array>
#include <cerrno>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <fcntl.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <memory>
#include <optional>
#include <seccomp.h>
#include <span>
#include <string_view>
#include <sys/socket.h>
#include <unistd.h>
#include <vector>

namespace {

/// To read files, write to open ones, and end: every program and its C library.
constexpr std::array reading{
    "access",
    "arch_prctl",
    "brk",
    "clock_gettime",
    "close",
    "exit",
    "exit_group",
    "faccessat",
    "fstat",
    "fstatfs",
    "futex",
    "getcwd",
    "getdents",
    "getdents64",
    "getegid",
    "geteuid",
    "getgid",
    "getpid",
    "getrandom",
    "gettid",
    "gettimeofday",
    "getuid",
    "lseek",
    "lstat",
    "madvise",
    "mmap",
    "mprotect",
    "mremap",
    "munmap",
    "newfstatat",
    "pread64",
    "read",
    "readlink",
    "readlinkat",
    "readv",
    "restart_syscall",
    "rseq",
    "rt_sigaction",
    "rt_sigprocmask",
    "rt_sigreturn",
    "set_robust_list",
    "set_tid_address",
    "stat",
    "statfs",
    "statx",
    "sysinfo",
    "time",
    "uname",
    "write",
    "writev",
};

/// These belong to it, and can do more: see Narrowed.
constexpr std::array opening{"open", "openat"};
constexpr std::array any_process{"fcntl", "prlimit64", "tgkill"};

/// A call that is allowed if one of its arguments is so.
struct Narrowed {
    const char* call;
    scmp_arg_cmp argument;
};

constexpr Narrowed with(const char* call, unsigned argument, std::uint64_t value) {
    return {call, {.arg = argument, .op = SCMP_CMP_EQ, .datum_a = value, .datum_b = 0}};
}

/// `any_process` without a way to another process: a root user's process can send a signal to each
/// other one of that user, change its limits, and have the kernel send it signals (F_SETOWN).
/// Without tgkill a bug that calls abort(3) ends in the line of a denied call.
constexpr std::array own_process{
    with("fcntl", 1, F_DUPFD),     with("fcntl", 1, F_DUPFD_CLOEXEC), with("fcntl", 1, F_GETFD),
    with("fcntl", 1, F_SETFD),     with("fcntl", 1, F_GETFL),         with("fcntl", 1, F_SETFL),
    with("fcntl", 1, F_OFD_SETLK), with("prlimit64", 0, 0),
};

/// `opening` without a way to change a file, where the kernel has no Landlock as well.
constexpr Narrowed without_changes(const char* call, unsigned flags) {
    constexpr std::uint64_t changes = O_ACCMODE | O_CREAT | O_TRUNC;
    return {call, {.arg = flags, .op = SCMP_CMP_MASKED_EQ, .datum_a = changes, .datum_b = 0}};
}
constexpr std::array opening_to_read{without_changes("open", 1), without_changes("openat", 2)};

/// A process that only computes needs these to have memory, to write its result, and to end.
constexpr std::array computing{
    "brk",         "exit",         "exit_group",     "futex",        "getpid",
    "gettid",      "madvise",      "mmap",           "mprotect",     "mremap",
    "munmap",      "rt_sigaction", "rt_sigprocmask", "rt_sigreturn", "tgkill",
    "write",       "writev",
#ifdef GRAPNEL_SANITIZED
    "sigaltstack", // AddressSanitizer, before a function that does not return
#endif
};

/// To execute a program by its descriptor.
constexpr std::array executing{"execveat"};

/// For ldconfig: to write files by path.
constexpr std::array changing_paths{"chdir", "chmod", "mkdir", "rename", "unlink"};

/// For ldconfig and the hook: to write files.
constexpr std::array changing{
    "fadvise64", "fchmod",  "fchmodat", "fdatasync", "fsync",
    "ftruncate", "mkdirat", "renameat", "renameat2", "unlinkat",
};

/// For the driver's library: to ask its devices. Nothing that makes a process, a thread, a socket,
/// a node or a file, or changes one; NVML does without.
constexpr std::array asking_devices{
    "clock_getres", "clock_nanosleep",   "dup",         "getpgrp",     "getppid",
    "getrlimit",    "getrusage",         "ioctl",       "nanosleep",   "poll",
    "ppoll",        "sched_getaffinity", "sched_yield", "sigaltstack",
};

/// For the hook in the container's mount namespace: to attach mounts by descriptor, to write files
/// of loaders as their owner, and to watch its own processes.
constexpr std::array attaching{
    "capget",     "capset",    "fchownat",   "fgetxattr", "flistxattr", "fremovexattr",
    "fsetxattr",  "getgroups", "move_mount", "open_tree", "openat2",    "mount_setattr",
    "pidfd_open", "poll",      "ppoll",      "prctl",     "setfsgid",   "pidfd_send_signal",
    "setfsuid",   "setgroups", "symlinkat",  "umask",     "utimensat",  "waitid",
};

constexpr std::array restricting{
    "landlock_add_rule",
    "landlock_create_ruleset",
    "landlock_restrict_self",
};

/// The same on a kernel without mount_setattr(2): a child process sets options of mounts in a mount
/// namespace of its own, with mount(2).
constexpr std::array remounting{
    "clone", "dup3", "fchdir", "fsconfig", "fsmount", "fsopen", "memfd_create", "mount", "umount2",
};

/// For the hook before that: processes, namespaces, nodes, device programs, systemd, its own
/// confinement.
constexpr std::array preparing{
    "bpf",       "chdir",     "chroot",     "clone",      "connect",      "dup3",
    "fchdir",    "fsconfig",  "fsmount",    "fsopen",     "memfd_create", "mknodat",
    "mount",     "pipe2",     "pivot_root", "seccomp",    "sendfile",     "setns",
    "setresgid", "setresuid", "setsid",     "setsockopt", "umount2",      "unshare",
};

/// For the hook where it only reads the host, and makes nodes there.
constexpr std::array describing{
    "capget",    "capset",    "fchownat",   "getgroups",
    "mknodat",   "openat2",   "pidfd_open", "pidfd_send_signal",
    "poll",      "prctl",     "setfsgid",   "setfsuid",
    "setgroups", "symlinkat", "umask",      "waitid",
};

/// C libraries make these calls, and others in their place where they fail with ENOSYS.
constexpr std::array with_substitute{
    "clone3", "close_range", "copy_file_range", "faccessat2", "fchmodat2", "mseal",
};

/// Its flags are in memory, where no filter sees them. Before Linux 5.8 it tells a mount's root,
/// which a look at the host does not ask for.
constexpr std::array not_needed_to_look{"openat2"};

/// System calls that aarch64 and later architectures lack, and the calls that their C libraries use
/// instead.
struct FormerCall {
    std::string_view name;
    const char* successor; ///< null: nothing
};
constexpr std::array<FormerCall, 14> former_calls{{
    {"access", "faccessat"},
    {"arch_prctl", nullptr},
    {"chmod", "fchmodat"},
    {"getdents", "getdents64"},
    {"getpgrp", "getpgid"},
    {"lstat", "newfstatat"},
    {"mkdir", "mkdirat"},
    {"open", "openat"},
    {"poll", "ppoll"},
    {"readlink", "readlinkat"},
    {"rename", "renameat"},
    {"stat", "newfstatat"},
    {"time", "clock_gettime"},
    {"unlink", "unlinkat"},
}};

/// For the hook in the container's mount namespace: to ask for the attributes of one mount. The
/// number is the same on each architecture; libseccomp may not know it yet.
constexpr int statmount = 457;

/// Systemd listens on a socket of the file system.
constexpr std::array local_sockets{with("socket", 0, AF_UNIX)};

struct Release {
    void operator()(void* filter) const { seccomp_release(filter); }
};
using Filter = std::unique_ptr<void, Release>;
using Code = std::vector<sock_filter>;
using Lists = std::initializer_list<std::span<const char* const>>;

/// Answered by the end of the filter, which seccomp.cpp adds.
constexpr std::uint32_t to_the_end = SCMP_ACT_TRACE(0x6772U);

/// The name, or that of the successor. Null: this architecture has no such call.
std::optional<const char*> call_of(std::uint32_t architecture, const char* name) {
    if (seccomp_syscall_resolve_name_arch(architecture, name) >= 0)
        return name;
    const auto* const former = std::ranges::find(former_calls, name, &FormerCall::name);
    if (former != former_calls.end())
        return former->successor;
    std::fprintf(stderr, "generate_filters: %s: libseccomp does not know it on this architecture\n",
                 name);
    return std::nullopt;
}

bool allow(scmp_filter_ctx filter, std::uint32_t architecture, std::span<const char* const> names) {
    for (const char* const name : names) {
        const auto call = call_of(architecture, name);
        if (!call)
            return false;
        // libseccomp takes numbers of the architecture that it runs on
        if (*call != nullptr
            && seccomp_rule_add(filter, SCMP_ACT_ALLOW, seccomp_syscall_resolve_name(*call), 0)
                   != 0)
            return false;
    }
    return true;
}

bool refuse(scmp_filter_ctx filter, std::span<const char* const> names) {
    for (const char* const name : names) {
        const int number = seccomp_syscall_resolve_name(name);
        // one newer than this libseccomp is no call that a list allows
        if (number != __NR_SCMP_ERROR
            && seccomp_rule_add(filter, SCMP_ACT_ERRNO(ENOSYS), number, 0) != 0)
            return false;
    }
    return true;
}

bool allow(scmp_filter_ctx filter, std::uint32_t architecture, std::span<const Narrowed> some) {
    return std::ranges::all_of(some, [&](const auto& one) {
        // a call that this architecture lacks has a successor, which is narrowed on its own
        return seccomp_syscall_resolve_name_arch(architecture, one.call) < 0
               || seccomp_rule_add_array(filter, SCMP_ACT_ALLOW,
                                         seccomp_syscall_resolve_name(one.call), 1, &one.argument)
                      == 0;
    });
}

Filter make_filter(std::uint32_t otherwise, std::uint32_t architecture, const Lists& lists) {
    Filter filter(seccomp_init(otherwise));
    if (!filter || seccomp_arch_remove(filter.get(), SCMP_ARCH_NATIVE) != 0
        || seccomp_arch_add(filter.get(), architecture) != 0)
        return {};
    seccomp_attr_set(filter.get(), SCMP_FLTATR_CTL_OPTIMIZE, 2); // a binary tree
    for (const auto& list : lists)
        if (!allow(filter.get(), architecture, list))
            return {};
    return filter;
}

Code code_of(const Filter& filter) {
    Code code;
    const std::unique_ptr<FILE, int (*)(FILE*)> file(std::tmpfile(), std::fclose);
    if (!filter || !file || seccomp_export_bpf(filter.get(), fileno(file.get())) != 0)
        return code;
    std::rewind(file.get());
    for (sock_filter one{}; std::fread(&one, sizeof one, 1, file.get()) == 1;)
        code.push_back(one);
    return code;
}

/// The same filter, which allows statmount(2) too.
Code with_statmount(std::uint32_t architecture, const Code& filter) {
    constexpr std::uint16_t load_word = BPF_LD | BPF_W | BPF_ABS;
    constexpr std::uint16_t equals = BPF_JMP | BPF_JEQ | BPF_K;
    Code code{BPF_STMT(load_word, offsetof(seccomp_data, arch)),
              BPF_JUMP(equals, architecture, 0, 3), BPF_STMT(load_word, offsetof(seccomp_data, nr)),
              BPF_JUMP(equals, std::uint32_t{statmount}, 0, 1),
              BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW)};
    code.insert(code.end(), filter.begin(), filter.end());
    return code;
}

bool print(const char* name, const Code& code) {
    std::printf("inline constexpr sock_filter %s[] = {\n", name);
    for (const auto& one : code)
        std::printf("    {0x%x, %u, %u, 0x%x},\n", unsigned{one.code}, unsigned{one.jt},
                    unsigned{one.jf}, one.k);
    std::printf("};\n");
    return !code.empty();
}

/// For a program of the host: other system calls fail with ENOSYS, as on a kernel without them.
bool print_filter(const char* name, std::uint32_t architecture, const Lists& lists) {
    return print(name, code_of(make_filter(SCMP_ACT_ERRNO(ENOSYS), architecture, lists)));
}

enum class Extra { none, statmount };

/// For the hook: other system calls are answered by the end that seccomp.cpp adds.
bool print_open_filter(const char* name, std::uint32_t architecture, const Lists& lists,
                       std::initializer_list<std::span<const Narrowed>> narrowed,
                       std::span<const char* const> refused = {}, Extra extra = Extra::none) {
    const auto filter = make_filter(to_the_end, architecture, lists);
    if (!filter || !refuse(filter.get(), with_substitute) || !refuse(filter.get(), refused))
        return false;
    for (const auto& some : narrowed)
        if (!allow(filter.get(), architecture, some))
            return false;
    auto code = code_of(filter);
    if (extra == Extra::statmount)
        code = with_statmount(architecture, code);
    for (std::size_t i = 0; i < code.size(); ++i)
        if (code[i].code == (BPF_RET | BPF_K) && code[i].k == to_the_end)
            code[i] = BPF_STMT(BPF_JMP | BPF_JA, static_cast<std::uint32_t>(code.size() - i - 1));
    return print(name, code);
}

/// The name of each number, in the order of numbers; an empty one where there is no call.
void print_names(std::uint32_t architecture) {
    constexpr int numbers = 512;
    std::printf("inline constexpr char call_names[] =\n");
    for (int number = 0; number < numbers; ++number) {
        const std::unique_ptr<char, void (*)(void*)> name(
            seccomp_syscall_resolve_num_arch(architecture, number), std::free);
        std::printf("    \"%s\\0\"\n", number == statmount ? "statmount" : name ? name.get() : "");
    }
    std::printf(";\n");
}

} // namespace

int main(int argc, char** argv) {
    const auto architecture = argc == 2 ? seccomp_arch_resolve_name(argv[1]) : 0;
    if (architecture == 0) {
        std::fprintf(stderr, "usage: generate_filters ARCHITECTURE\n");
        return 2;
    }
    std::printf("// Made by generate_filters.cpp.\n#pragma once\n#include <linux/filter.h>\n"
                "namespace grapnel::confine {\n");
    print_names(architecture);
    if (!print_open_filter("host_filter", architecture,
                           {reading, opening, any_process, executing, changing, changing_paths,
                            attaching, restricting, preparing, asking_devices},
                           {local_sockets}, {}, Extra::statmount)
        || !print_open_filter("look_filter", architecture, {reading, restricting},
                              {opening_to_read, own_process}, not_needed_to_look)
        || !print_open_filter("description_filter", architecture,
                              {reading, opening, changing, describing}, {own_process})
        || !print_open_filter("container_filter", architecture,
                              {reading, opening, changing, attaching, restricting}, {own_process},
                              {}, Extra::statmount)
        || !print_open_filter("remounting_filter", architecture,
                              {reading, opening, changing, attaching, restricting, remounting},
                              {own_process}, {}, Extra::statmount)
        || !print_filter("ldconfig_filter", architecture,
                         {reading, opening, any_process, executing, changing, changing_paths})
        || !print_filter("probe_filter", architecture,
                         {reading, opening, any_process, executing, asking_devices})
        || !print("computation_filter",
                  code_of(make_filter(SCMP_ACT_KILL_PROCESS, architecture, {computing}))))
        return 1;
    std::printf("} // namespace grapnel::confine\n");
    return 0;
}
