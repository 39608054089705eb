// SPDX-License-Identifier: Apache-2.0
// IMEX channels, and device groups with the files that belong to them.
#include "plan/auxiliary_devices.hpp"

#include "plan/devices.hpp"

namespace grapnel::plan {

Status add_special_devices(Plan& plan, const Inventory& inventory) {
    for (const auto& node : inventory.imex_channels)
        GRAPNEL_TRY(add_device(plan, node));
    for (const auto& node : inventory.group_devices.nodes)
        GRAPNEL_TRY(add_device(plan, node));
    const auto add = [&](const HostPath& path, bool directory) -> Status {
        auto inside = GRAPNEL_TRY(InsidePath::make(path.text()));
        plan.mounts.push_back({.kind = Mount::Kind::config,
                               .host = path,
                               .inside = std::move(inside),
                               .directory = directory});
        return {};
    };
    for (const auto& path : inventory.group_devices.files)
        GRAPNEL_TRY(add(path, false));
    for (const auto& path : inventory.group_devices.directories)
        GRAPNEL_TRY(add(path, true));
    return {};
}

} // namespace grapnel::plan
