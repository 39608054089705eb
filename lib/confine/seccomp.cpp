// SPDX-License-Identifier: Apache-2.0
#include "confine/seccomp.hpp"

#include "seccomp_filters.hpp"

#include <array>
#include <cerrno>
#include <cstddef>
#include <cstdint>
#include <fcntl.h>
#include <linux/seccomp.h>
#include <span>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>
#include <vector>

// The linker's, at both ends of this program's code (end(3)).
// NOLINTNEXTLINE(readability-identifier-naming)
extern "C" const char __executable_start;
extern "C" const char etext;

namespace grapnel::confine {

namespace {

Status load(std::span<const sock_filter> code) {
    const sock_fprog program{static_cast<unsigned short>(code.size()),
                             const_cast<sock_filter*>(code.data())};
    if (syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, 0, &program) == 0)
        return {};
    // a filter of an outer container can lack the newer call
    if (errno == ENOSYS && prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program, 0, 0) == 0)
        return {};
    return Error{.kind = Error::Kind::system,
                 .what = "load a seccomp filter",
                 .sys = errno,
                 .cure = "use a kernel with CONFIG_SECCOMP_FILTER; an outer container has to allow "
                         "the system call seccomp"};
}

std::uint32_t upper(std::uint64_t address) {
    return static_cast<std::uint32_t>(address >> 32);
}

/// A denied call from this program's own code ends it, from a program that it executed it fails
/// with ENOSYS, and so does number -1, which a tracer sets to skip a call. An address of the code
/// differs from the first one in its lower half alone: code on both sides of a multiple of 4 GiB
/// counts up to it.
std::array<sock_filter, 9> end_of_filter() {
    const auto first = reinterpret_cast<std::uintptr_t>(&__executable_start);
    const auto last = reinterpret_cast<std::uintptr_t>(&etext);
    const bool together = upper(first) == upper(last);
    const auto last_half = together ? static_cast<std::uint32_t>(last) : ~0U;
    constexpr auto lower_half = offsetof(seccomp_data, instruction_pointer);
    constexpr auto upper_half = lower_half + sizeof(std::uint32_t);
    constexpr std::uint16_t load_word = BPF_LD | BPF_W | BPF_ABS;
    constexpr std::uint16_t equals = BPF_JMP | BPF_JEQ | BPF_K;
    return {{
        BPF_STMT(load_word, offsetof(seccomp_data, nr)),
        BPF_JUMP(equals, ~0U, 6, 0),
        BPF_STMT(load_word, upper_half),
        BPF_JUMP(equals, upper(first), 0, 4),
        BPF_STMT(load_word, lower_half),
        BPF_JUMP(BPF_JMP | BPF_JGE | BPF_K, static_cast<std::uint32_t>(first), 0, 2),
        BPF_JUMP(BPF_JMP | BPF_JGT | BPF_K, last_half, 1, 0),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_TRAP),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | ENOSYS),
    }};
}

Status load_with_end(std::span<const sock_filter> code) {
    std::vector<sock_filter> whole(code.begin(), code.end());
    for (const auto& one : end_of_filter())
        whole.push_back(one);
    return load(whole);
}

/// A call that changes nothing.
bool has_mount_setattr() {
    struct mount_attr none {};
    return mount_setattr(AT_FDCWD, "/", 0, &none, sizeof none) == 0 || errno != ENOSYS;
}

} // namespace

Status filter_host() {
    return load_with_end(host_filter);
}

Status filter_describing() {
    return load_with_end(description_filter);
}

Status filter_look() {
    return load_with_end(look_filter);
}

Status filter_container() {
    return load_with_end(has_mount_setattr() ? std::span<const sock_filter>(container_filter)
                                             : std::span<const sock_filter>(remounting_filter));
}

Status filter_probe() {
    return load(probe_filter);
}

Status filter_ldconfig() {
    return load(ldconfig_filter);
}

Status filter_computation() {
    return load(computation_filter);
}

} // namespace grapnel::confine
