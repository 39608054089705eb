// SPDX-License-Identifier: Apache-2.0
#include "sys/capabilities.hpp"

#include <algorithm>
#include <cerrno>
#include <memory>
#include <sys/capability.h>
#include <sys/prctl.h>

namespace grapnel::sys {

namespace {

struct FreeCaps {
    void operator()(cap_t caps) const { cap_free(caps); }
};
using Caps = std::unique_ptr<std::remove_pointer_t<cap_t>, FreeCaps>;

/// Raises the capabilities of `wanted` in `set` of `target`, if they are permitted in `now`.
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

} // namespace

bool is_permitted(int capability) {
    const Caps now(cap_get_proc());
    cap_flag_value_t permitted = CAP_CLEAR;
    return now && cap_get_flag(now.get(), capability, CAP_PERMITTED, &permitted) == 0
           && permitted == CAP_SET;
}

bool may_mount() {
    return is_permitted(CAP_SYS_ADMIN);
}

Status keep_capabilities(const Capabilities& kept) {
    return set_capabilities(kept, kept);
}

Status set_capabilities(const Capabilities& kept, const Capabilities& effective) {
    const Caps now(cap_get_proc());
    const Caps wanted(now ? cap_dup(now.get()) : nullptr);
    if (!wanted || cap_clear(wanted.get()) != 0)
        return system_error("cap_get_proc");
    GRAPNEL_TRY(raise(wanted.get(), CAP_PERMITTED, now.get(), kept));
    GRAPNEL_TRY(raise(wanted.get(), CAP_EFFECTIVE, wanted.get(), effective));
    if (cap_set_proc(wanted.get()) != 0)
        return system_error("cap_set_proc");
    return {};
}

Status set_effective(const Capabilities& wanted) {
    const Caps now(cap_get_proc());
    if (!now)
        return system_error("cap_get_proc");
    if (cap_clear_flag(now.get(), CAP_EFFECTIVE) != 0)
        return system_error("cap_clear_flag");
    GRAPNEL_TRY(raise(now.get(), CAP_EFFECTIVE, now.get(), wanted));
    if (cap_set_proc(now.get()) != 0)
        return system_error("cap_set_proc");
    return {};
}

Status drop_bounding_set(const Capabilities& kept) {
    for (int capability = 0; capability <= CAP_LAST_CAP; ++capability) {
        if (std::ranges::find(kept, capability) != kept.end()
            || prctl(PR_CAPBSET_DROP, capability, 0, 0, 0) == 0)
            continue;
        if (errno == EINVAL || errno == EPERM) // beyond the kernel's last one; no CAP_SETPCAP
            return {};
        return system_error("prctl PR_CAPBSET_DROP");
    }
    return {};
}

} // namespace grapnel::sys
