// SPDX-License-Identifier: Apache-2.0
#include "apply/host_mounts.hpp"

#include "sys/mount_list.hpp"

namespace grapnel::apply {

namespace {

bool lies_in(std::string_view path, const HostPath& directory) {
    return path == directory.text() || path.starts_with(directory.text() + "/");
}

} // namespace

Result<HostMounts> read_host_mounts(const std::optional<HostPath>& rootfs) {
    HostMounts mounts;
    GRAPNEL_TRY(sys::visit_own_mounts([&](const MountInfo& mount) {
        if (mount.type == "cgroup" || mount.type == "cgroup2")
            mounts.cgroups.push_back(mount);
        if (!rootfs || !lies_in(mount.point, *rootfs))
            mounts.file_systems.insert(mount.device);
        for (const auto& group : {mount.peer_group, mount.master})
            if (group)
                mounts.peer_groups.insert(*group);
    }));
    return mounts;
}

} // namespace grapnel::apply
