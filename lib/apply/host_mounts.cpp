// SPDX-License-Identifier: Apache-2.0
#include "apply/host_mounts.hpp"

#include "sys/mount_list.hpp"

#include <algorithm>

namespace grapnel::apply {

namespace {

bool lies_in(std::string_view path, const HostPath& directory) {
    return path == directory.text() || path.starts_with(directory.text() + "/");
}

} // namespace

Result<HostMounts> read_host_mounts(const std::optional<HostPath>& rootfs) {
    HostMounts mounts;
    GRAPNEL_TRY(sys::visit_own_mounts([&](const MountLine& mount) {
        if (mount.type == "cgroup" || mount.type == "cgroup2")
            mounts.cgroups.push_back(mount.info());
        if (!rootfs || !lies_in(mount.point(), *rootfs))
            mounts.file_systems.push_back(mount.device);
        for (const auto& group : {mount.peer_group, mount.master})
            if (group)
                mounts.peer_groups.push_back(*group);
    }));
    std::ranges::sort(mounts.file_systems);
    std::ranges::sort(mounts.peer_groups);
    return mounts;
}

} // namespace grapnel::apply
