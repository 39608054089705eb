// SPDX-License-Identifier: Apache-2.0
// Where the driver's files and nodes lie on the host, for a driver below a root of its own.
#include "plan/plan.hpp"

#include <algorithm>

namespace grapnel {

Status relocate(Plan& plan, const Locate& locate) {
    for (auto& mount : plan.mounts) {
        if (mount.host.empty())
            continue; // it shows nothing of the host
        // other users may write where the sockets lie: see open_sources() of apply
        const bool follow = mount.kind != Mount::Kind::ipc;
        mount.host = GRAPNEL_TRY(locate(mount.host, follow));
    }
    for (auto& node : plan.host_nodes)
        node.path = GRAPNEL_TRY(locate(node.path, true));
    std::ranges::sort(plan.mounts);
    std::ranges::sort(plan.host_nodes);
    return {};
}

} // namespace grapnel
