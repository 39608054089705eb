// SPDX-License-Identifier: Apache-2.0
#include "procfs.hpp"

#include "base/mountinfo.hpp"
#include "sys/cgroup.hpp"
#include "sys/propagation.hpp"

#include <algorithm>

namespace grapnel {

Status check_procfs(bool user_namespace) {
    const auto text = sys::own_mountinfo();
    if (!text)
        return {};
    bool covered = false;
    const auto mounts = parse_mountinfo(*text);
    for (const auto& mount : mounts) {
        if (mount.type != "proc" || mount.root != "/")
            continue;
        const auto driver =
            std::ranges::find(mounts, mount.point + "/driver/nvidia", &MountInfo::point);
        const auto point = HostPath::make(mount.point);
        if (driver == mounts.end() || !point || !(user_namespace || sys::has_locked_mounts(*point)))
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
