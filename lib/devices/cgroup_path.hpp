// SPDX-License-Identifier: Apache-2.0
// Which cgroup decides about the container's devices, and which of its ancestors are its own.
#pragma once

#include "base/mountinfo.hpp"
#include "base/path.hpp"
#include "oci/spec.hpp"

#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace grapnel::devices {

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

/// Tells the container's own cgroup from its ancestors.
struct CgroupOwner {
    std::string name = {}; ///< of the container's own cgroup; empty: it has no cgroup of its own
    /// If the name is not known: /proc/PID/cgroup of a process outside the container, such as this
    /// program. The container's own cgroup is then the lowest one, or systemd's scope around a
    /// cgroup named "container", unless that process is in it too.
    std::optional<std::string> reference_cgroup = {};
    /// Names of the systemd scope that runtimes make for it; not known if the name is not known.
    std::vector<std::string> scopes = {};
};

/// The name that linux.cgroupsPath gives it ("/docker/ID", or for systemd "slice:prefix:name",
/// which makes the unit prefix-name.scope; the container's ID where it is not set), and the scopes
/// that the latter form and the ID can make.
[[nodiscard]] CgroupOwner cgroup_owner(const Spec& spec, std::string_view container_id);

/// `membership` is the text of /proc/PID/cgroup (cgroups(7)). Version 1 where a hierarchy with
/// the devices controller is mounted, else version 2 where that is mounted, else nothing.
///
/// The container's own cgroup is the lowest level of the owner's name; cgroups below it (crun's
/// "container") are its own as well.
[[nodiscard]] std::optional<DeviceCgroup> locate_device_cgroup(std::string_view membership,
                                                               const std::vector<MountInfo>& mounts,
                                                               const CgroupOwner& owner);

/// A scope of systemd's.
struct OwnScope {
    std::string unit = {};   ///< "docker-ID.scope"
    std::string cgroup = {}; ///< "/system.slice/docker-ID.scope", as /proc/PID/cgroup has it

    bool operator==(const OwnScope&) const = default;
};

/// The scope that systemd made for this container alone; nothing where the runtime makes cgroups
/// itself, be it below another unit's. The process is in it, in the hierarchy that systemd goes by
/// (name=systemd, or version 2's), and it is one of the owner's scopes, or without a name the
/// container's own cgroup.
[[nodiscard]] std::optional<OwnScope> own_scope(std::string_view membership,
                                                const CgroupOwner& owner);

} // namespace grapnel::devices
