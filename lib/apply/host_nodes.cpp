// SPDX-License-Identifier: Apache-2.0
#include "apply/host_nodes.hpp"

#include "confine/phase.hpp"
#include "sys/host_fs.hpp"
#include "sys/node.hpp"

#include <vector>

namespace grapnel::apply {

namespace {

std::vector<const Mount*> without_link(const Plan& plan, const HostPath& links) {
    std::vector<const Mount*> out;
    if (plan.change_cgroup)
        for (const auto& mount : plan.mounts)
            if (mount.device && !sys::has_number_link(*mount.device, links))
                out.push_back(&mount);
    return out;
}

Status make(const HostNode& node) {
    return sys::make_node(node.path, node.number,
                          {.mode = node.attributes.mode,
                           .user = node.attributes.user,
                           .group = node.attributes.group})
        .cure("run 'nvidia-modprobe -u -c 0'");
}

Status make_all(const Plan& plan, const std::vector<const Mount*>& unlinked, const HostPath& links,
                Notices& notices) {
    GRAPNEL_TRY(confine::enter_phase(confine::Phase::make_nodes));
    for (const auto& node : plan.host_nodes) {
        auto made = make(node);
        if (!made && node.optional && !sys::is_transient(made.error()))
            notices.warn(made.error().text());
        else
            GRAPNEL_TRY(std::move(made));
    }
    for (const auto* const mount : unlinked)
        if (const auto made = sys::make_number_link(mount->host, *mount->device, links); !made)
            notices.warn(made.error().text());
    return {};
}

} // namespace

Status make_host_nodes(const Plan& plan, Notices& notices, const HostPath& links) {
    auto unlinked = without_link(plan, links);
    // in a user namespace the device rules are nobody's to change, and /dev is not the host's
    if (!unlinked.empty() && !sys::may_make_nodes())
        unlinked.clear();
    return plan.host_nodes.empty() && unlinked.empty() ? Status()
                                                       : make_all(plan, unlinked, links, notices);
}

} // namespace grapnel::apply
