// SPDX-License-Identifier: Apache-2.0
#include "sys/privilege.hpp"

#include "base/text.hpp"
#include "sys/file.hpp"
#include "sys/kernel.hpp"
#include "sys/process.hpp"

#include <algorithm>
#include <array>
#include <cerrno>
#include <csignal>
#include <fcntl.h>
#include <grp.h>
#include <linux/securebits.h>
#include <memory>
#include <span>
#include <sys/auxv.h>
#include <sys/capability.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>
#include <vector>

namespace grapnel::sys {

namespace {

using Capabilities = std::vector<cap_value_t>;

/// The policy. SYS_CHROOT and SYS_ADMIN: setns(2). DAC_OVERRIDE, SETUID and SETGID: mount points
/// in a root file system that belongs to another user, and what they took the place of. SETUID and
/// SETGID: to act on volumes as the container's process user, and to run ldconfig as that user.
/// SYS_PTRACE: /proc/PID/root and the namespaces of a process with more capabilities. NET_ADMIN:
/// attaching a device program. SYS_RESOURCE: its memory, which RLIMIT_MEMLOCK limits before Linux
/// 5.11. SYSLOG: reading one whose constants the kernel hides. SETPCAP: the bounding set of
/// ldconfig. KILL, SETUID and SETGID: a program that runs as nobody.
Capabilities needed_by(Phase phase) {
    switch (phase) {
    case Phase::load_modules:
        return {CAP_DAC_READ_SEARCH, CAP_KILL, CAP_SYS_MODULE};
    case Phase::make_nodes:
        return {CAP_CHOWN, CAP_DAC_OVERRIDE, CAP_FOWNER, CAP_MKNOD};
    case Phase::read_host:
        return {CAP_DAC_READ_SEARCH, CAP_SYS_ADMIN};
    case Phase::look_inside:
        return {CAP_DAC_READ_SEARCH, CAP_SETGID, CAP_SETUID, CAP_SYS_ADMIN, CAP_SYS_PTRACE};
    case Phase::attach:
        return {CAP_DAC_OVERRIDE, CAP_DAC_READ_SEARCH, CAP_FOWNER,     CAP_SETGID,
                CAP_SETUID,       CAP_SYS_ADMIN,       CAP_SYS_CHROOT, CAP_SYS_PTRACE};
    case Phase::device_cgroup:
        return {CAP_DAC_OVERRIDE, CAP_NET_ADMIN, CAP_SYSLOG, CAP_SYS_ADMIN, CAP_SYS_RESOURCE};
    case Phase::ldcache:
        return {CAP_DAC_OVERRIDE, CAP_DAC_READ_SEARCH, CAP_FOWNER,    CAP_KILL,      CAP_SETGID,
                CAP_SETPCAP,      CAP_SETUID,          CAP_SYS_ADMIN, CAP_SYS_CHROOT};
    case Phase::probe:
        return {CAP_DAC_READ_SEARCH, CAP_KILL, CAP_SETGID, CAP_SETPCAP, CAP_SETUID, CAP_SYS_ADMIN};
    case Phase::clean_up:
        return {CAP_DAC_OVERRIDE, CAP_DAC_READ_SEARCH, CAP_FOWNER, CAP_SETGID, CAP_SETUID};
    case Phase::done:
        break;
    }
    return {CAP_DAC_OVERRIDE}; // the log and the cleanup record
}

/// In this order the first ones are given up.
constexpr std::array<Phase, 9> phases{Phase::load_modules, Phase::make_nodes, Phase::read_host,
                                      Phase::look_inside,  Phase::attach,     Phase::device_cgroup,
                                      Phase::ldcache,      Phase::probe,      Phase::done};

struct FreeCaps {
    void operator()(cap_t caps) const { cap_free(caps); }
};
using Caps = std::unique_ptr<std::remove_pointer_t<cap_t>, FreeCaps>;

/// Raises `set` of `target` by those of `wanted` that are permitted in `now`.
Status raise(cap_t target, cap_flag_t set, cap_t now, const Capabilities& wanted) {
    for (const auto capability : wanted) {
        cap_flag_value_t permitted = CAP_CLEAR;
        if (cap_get_flag(now, capability, CAP_PERMITTED, &permitted) != 0)
            return system_error("cap_get_flag");
        if (permitted == CAP_SET && cap_set_flag(target, set, 1, &capability, CAP_SET) != 0)
            return system_error("cap_set_flag");
    }
    return {};
}

/// To what the phases from this one on need.
Status cut_capabilities(std::size_t first_phase) {
    const Caps now(cap_get_proc());
    const Caps wanted(cap_init());
    if (!now || !wanted)
        return system_error("cap_get_proc");
    for (const auto phase : std::span(phases).subspan(first_phase))
        GRAPNEL_TRY(raise(wanted.get(), CAP_PERMITTED, now.get(), needed_by(phase)));
    if (cap_set_proc(wanted.get()) != 0)
        return system_error("cap_set_proc");
    return {};
}

Status close_inherited_descriptors() {
    constexpr int first = 3;
    if (syscall(SYS_close_range, unsigned{first}, ~0U, 0U) == 0)
        return {};
    // before Linux 5.9
    const auto directory = GRAPNEL_TRY(open_host_directory(host_path("/proc/self/fd")));
    for (const auto& name : GRAPNEL_TRY(directory_names(directory.ref(), "/proc/self/fd"))) {
        const auto number = parse_number<int>(name);
        if (number && *number >= first && *number != directory.ref().value)
            close(*number);
    }
    return {};
}

/// A descriptor that was closed for us would be given to the first file that is opened, and
/// what is meant for stderr would be written to it.
Status open_standard_descriptors(int flags = 0) {
    for (int fd = 0; fd <= 2; ++fd)
        if (fcntl(fd, F_GETFD) < 0
            && ::open("/dev/null", O_RDWR | flags) < 0) // the lowest one that is free: fd
            return system_error("open /dev/null");
    return {};
}

} // namespace

Status hold_standard_descriptors() {
    return open_standard_descriptors(O_CLOEXEC);
}

Status confine_process() {
    GRAPNEL_TRY(close_inherited_descriptors());
    GRAPNEL_TRY(open_standard_descriptors());
    umask(022);
    constexpr rlimit none{0, 0};
    setrlimit(RLIMIT_CORE, &none);
    // an error line that nobody reads must not end the program before its exit code
    (void)std::signal(SIGPIPE, SIG_IGN);
    // both survive exec: a child could not be waited for, a limit could not end it
    (void)std::signal(SIGCHLD, SIG_DFL);
    sigset_t none_blocked{};
    (void)sigemptyset(&none_blocked);
    (void)sigprocmask(SIG_SETMASK, &none_blocked, nullptr);
    if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0)
        return system_error("prctl PR_SET_NO_NEW_PRIVS");
    return confine_capabilities();
}

Status confine_capabilities() {
    // a change of the fsuid leaves the capabilities alone; without CAP_SETPCAP it takes them
    prctl(PR_SET_SECUREBITS, SECBIT_NO_SETUID_FIXUP, 0, 0, 0);
    return cut_capabilities(0);
}

Status begin_program() {
    if (getauxval(AT_SECURE) != 0)
        return refused("this program is not to be installed setuid or with file capabilities",
                       "use sudo");
    GRAPNEL_TRY(open_standard_descriptors());
    umask(022);
    // a reader that goes away must not end the program between two files
    (void)std::signal(SIGPIPE, SIG_IGN);
    return {};
}

Status enter_phase(Phase phase) {
    const Caps now(cap_get_proc());
    if (!now)
        return system_error("cap_get_proc");
    if (cap_clear_flag(now.get(), CAP_EFFECTIVE) != 0)
        return system_error("cap_clear_flag");
    GRAPNEL_TRY(raise(now.get(), CAP_EFFECTIVE, now.get(), needed_by(phase)));
    if (cap_set_proc(now.get()) != 0)
        return system_error("cap_set_proc");
    return {};
}

Status end_host_changes(HostChanges ended) {
    return cut_capabilities(ended == HostChanges::modules ? 1 : 2);
}

bool is_permitted(int capability) {
    const Caps now(cap_get_proc());
    cap_flag_value_t permitted = CAP_CLEAR;
    return now && cap_get_flag(now.get(), capability, CAP_PERMITTED, &permitted) == 0
           && permitted == CAP_SET;
}

bool may_mount() {
    return is_permitted(CAP_SYS_ADMIN);
}

Status keep_capabilities(const std::vector<int>& kept) {
    const Caps now(cap_get_proc());
    const Caps wanted(cap_init());
    if (!now || !wanted)
        return system_error("cap_get_proc");
    GRAPNEL_TRY(raise(wanted.get(), CAP_PERMITTED, now.get(), kept));
    GRAPNEL_TRY(raise(wanted.get(), CAP_EFFECTIVE, now.get(), kept));
    if (cap_set_proc(wanted.get()) != 0)
        return system_error("cap_set_proc");
    return {};
}

Status keep_capabilities_over_exec(const std::vector<int>& kept) {
    // without CAP_SETPCAP the bounding set stays, but exec cannot give more than is permitted
    for (int capability = 0; capability <= CAP_LAST_CAP; ++capability)
        if (std::ranges::find(kept, capability) == kept.end()
            && prctl(PR_CAPBSET_DROP, capability, 0, 0, 0) != 0 && errno != EINVAL
            && errno != EPERM)
            return system_error("drop a capability");
    return keep_capabilities(kept);
}

Status set_groups(const std::vector<std::uint32_t>& groups) {
    if (setgroups(groups.size(), groups.data()) == 0)
        return {};
    const auto failed = system_error("setgroups");
    return failed.sys == EPERM && !in_initial_user_namespace() ? Status() : Status(failed);
}

Status become_user(const FileOwner& user) {
    if (setresgid(user.group, user.group, user.group) != 0)
        return system_error("setresgid to " + std::to_string(user.group));
    if (setresuid(user.user, user.user, user.user) != 0)
        return system_error("setresuid to " + std::to_string(user.user));
    return {};
}

} // namespace grapnel::sys
