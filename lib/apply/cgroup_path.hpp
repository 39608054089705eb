// SPDX-License-Identifier: Apache-2.0
// Which cgroup decides about the container's devices, and which of its ancestors are its own.
#pragma once

#include "apply/mountinfo.hpp"
#include "base/path.hpp"
#include "oci/spec.hpp"

#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace grapnel::apply {

struct CgroupLevel {
    HostPath directory = {};
    /// Made by the runtime for this container alone. Other levels are shared: not ours to change.
    bool own = false;

    bool operator==(const CgroupLevel&) const = default;
};

struct DeviceCgroup {
    int version = 2;
    std::vector<CgroupLevel> levels = {}; ///< from the process's cgroup up, without the root

    bool operator==(const DeviceCgroup&) const = default;
};

/// `membership` is the text of /proc/PID/cgroup (cgroups(7)). Version 1 where a hierarchy with
/// the devices controller is mounted, else version 2 where that is mounted, else nothing.
///
/// The container's own cgroup has the name that linux.cgroupsPath gives it ("/docker/ID", or
/// for systemd "slice:prefix:name", which makes the unit prefix-name.scope; the container's ID
/// where it is not set; the lowest level of that name); what lies below it (crun's "container") is
/// its own as well.
[[nodiscard]] std::optional<DeviceCgroup> locate_device_cgroup(std::string_view membership,
                                                               const std::vector<MountInfo>& mounts,
                                                               const Spec& spec,
                                                               std::string_view container_id);

/// A scope of systemd's.
struct OwnScope {
    std::string unit = {};   ///< "docker-ID.scope"
    std::string cgroup = {}; ///< "/system.slice/docker-ID.scope", as /proc/PID/cgroup has it

    bool operator==(const OwnScope&) const = default;
};

/// The scope that systemd made for this container alone; nothing where the runtime makes cgroups
/// itself, be it below another unit's. The process is in it, in the hierarchy that systemd goes by
/// (name=systemd, or version 2's), and it has the name that runtimes make of linux.cgroupsPath in
/// the form "slice:prefix:name", or of the container's ID where that is not set.
[[nodiscard]] std::optional<OwnScope> own_scope(std::string_view membership, const Spec& spec,
                                                std::string_view container_id);

} // namespace grapnel::apply
