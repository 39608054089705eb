// SPDX-License-Identifier: Apache-2.0
#include "confine/phase.hpp"

#include "sys/capabilities.hpp"

#include <algorithm>
#include <array>
#include <linux/securebits.h>
#include <span>
#include <sys/capability.h>
#include <sys/prctl.h>

namespace grapnel::confine {

namespace {

/// The policy. SYS_CHROOT and SYS_ADMIN: setns(2). DAC_OVERRIDE, SETUID and SETGID: mount points
/// in a root file system that belongs to another user, and the files that they replaced. SETUID and
/// SETGID: to act on volumes as the container's process user, and to run ldconfig as that user.
/// SYS_PTRACE: /proc/PID/root, the namespaces and the mounts of a process with more capabilities.
/// NET_ADMIN: attaching a device program. SYS_RESOURCE: its memory, which RLIMIT_MEMLOCK limits
/// before Linux 5.11. SYSLOG: reading a program when the kernel blinds constants. KILL, SETUID and
/// SETGID: a program that runs as another user.
sys::Capabilities needed_by(Phase phase) {
    switch (phase) {
    case Phase::probe:
        return {CAP_DAC_READ_SEARCH, CAP_KILL, CAP_SETGID, CAP_SETUID, CAP_SYS_ADMIN};
    case Phase::read_host:
        return {CAP_DAC_READ_SEARCH};
    case Phase::look_inside:
        return {CAP_DAC_READ_SEARCH, CAP_SETGID, CAP_SETUID, CAP_SYS_ADMIN, CAP_SYS_PTRACE};
    case Phase::make_nodes:
        return {CAP_CHOWN, CAP_DAC_OVERRIDE, CAP_FOWNER, CAP_MKNOD};
    case Phase::clone_sources:
        return {CAP_DAC_READ_SEARCH, CAP_SYS_ADMIN};
    case Phase::clean_up:
        return {CAP_DAC_OVERRIDE, CAP_DAC_READ_SEARCH, CAP_FOWNER, CAP_SETGID, CAP_SETUID};
    case Phase::device_cgroup:
        return {CAP_DAC_OVERRIDE, CAP_NET_ADMIN, CAP_SYSLOG, CAP_SYS_ADMIN, CAP_SYS_RESOURCE};
    case Phase::enter:
        return {CAP_DAC_READ_SEARCH, CAP_SETGID,     CAP_SETUID,
                CAP_SYS_ADMIN,       CAP_SYS_CHROOT, CAP_SYS_PTRACE};
    case Phase::ldconfig:
        return {CAP_DAC_OVERRIDE, CAP_DAC_READ_SEARCH, CAP_FOWNER,    CAP_KILL,
                CAP_SETGID,       CAP_SETUID,          CAP_SYS_ADMIN, CAP_SYS_CHROOT};
    case Phase::attach:
        return {CAP_DAC_OVERRIDE, CAP_DAC_READ_SEARCH, CAP_FOWNER,    CAP_SETGID,
                CAP_SETUID,       CAP_SYS_ADMIN,       CAP_SYS_PTRACE};
    case Phase::write_files:
        return {CAP_DAC_OVERRIDE, CAP_DAC_READ_SEARCH, CAP_FOWNER, CAP_SETGID, CAP_SETUID};
    case Phase::done:
        break;
    }
    return {CAP_DAC_OVERRIDE};
}

constexpr std::array phases{Phase::probe,         Phase::read_host,     Phase::look_inside,
                            Phase::make_nodes,    Phase::clone_sources, Phase::clean_up,
                            Phase::device_cgroup, Phase::enter,         Phase::ldconfig,
                            Phase::attach,        Phase::write_files,   Phase::done};

sys::Capabilities needed_by(std::span<const Phase> some) {
    sys::Capabilities all;
    for (const auto phase : some)
        for (const auto capability : needed_by(phase))
            if (std::ranges::find(all, capability) == all.end())
                all.push_back(capability);
    return all;
}

std::span<const Phase> from(Phase first) {
    return std::span(phases).subspan(static_cast<std::size_t>(first));
}

} // namespace

Status confine_capabilities() {
    const auto kept = needed_by(phases);
    if (sys::is_permitted(CAP_SETPCAP)) {
        GRAPNEL_TRY(sys::set_effective({CAP_SETPCAP}));
        // a change of the fsuid leaves the capabilities alone
        prctl(PR_SET_SECUREBITS, SECBIT_NO_SETUID_FIXUP, 0, 0, 0);
        GRAPNEL_TRY(sys::drop_bounding_set({}));
    }
    return sys::set_capabilities(kept, {});
}

Status bound_to_modules() {
    if (sys::is_permitted(CAP_SETPCAP)) {
        GRAPNEL_TRY(sys::set_effective({CAP_SETPCAP}));
        GRAPNEL_TRY(sys::drop_bounding_set({CAP_SYS_MODULE}));
    }
    return {};
}

Status confine_to_modules() {
    return sys::keep_capabilities({CAP_DAC_READ_SEARCH, CAP_KILL, CAP_SYS_MODULE});
}

Status enter_phase(Phase phase) {
    return sys::set_effective(needed_by(phase));
}

Status begin_phase(Phase phase) {
    return sys::set_capabilities(needed_by(from(phase)), needed_by(phase));
}

Status keep_phases(std::initializer_list<Phase> kept) {
    return sys::set_capabilities(needed_by(std::span(kept.begin(), kept.size())), {});
}

} // namespace grapnel::confine
