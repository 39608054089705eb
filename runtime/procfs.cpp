// SPDX-License-Identifier: Apache-2.0
#include "procfs.hpp"

#include "sys/mount_list.hpp"
#include "sys/propagation.hpp"

#include <set>
#include <string>
#include <vector>

namespace grapnel {

namespace {

constexpr auto driver_directory = "/driver/nvidia";

} // namespace

Status check_procfs(bool user_namespace) {
    std::vector<std::string> procs;
    std::set<std::string> drivers;
    const auto listed = sys::visit_own_mounts([&](const MountLine& mount) {
        if (mount.type == "proc" && mount.escaped_root == "/")
            procs.push_back(mount.point());
        if (mount.escaped_point.ends_with(driver_directory))
            drivers.insert(mount.point());
    });
    if (!listed)
        return {};
    bool covered = false;
    for (const auto& mount : procs) {
        const auto point = HostPath::make(mount);
        if (!point || !drivers.contains(mount + driver_directory)
            || !(user_namespace || sys::has_locked_mounts(*point)))
            return {}; // this one is whole, or is in the container's user namespace
        covered = true;
    }
    if (!covered)
        return {};
    return refused("/proc cannot be mounted in the container's user namespace: "
                   "/proc/driver/nvidia covers a part of this container's own",
                   "run 'mkdir /run/proc && mount -t proc proc /run/proc' as root of this "
                   "container, or give the new one the option --pid=host");
}

} // namespace grapnel
