// SPDX-License-Identifier: Apache-2.0
// Opens the container's device cgroup for the planned devices.
#pragma once

#include "base/device_number.hpp"
#include "base/mountinfo.hpp"
#include "base/notices.hpp"
#include "base/result.hpp"
#include "devices/cgroup_path.hpp"
#include "sys/process.hpp"

#include <optional>
#include <vector>

namespace grapnel::devices {

/// The facts of config.json on the container's cgroup, as far as they are known.
struct CgroupFacts {
    CgroupOwner owner = {};
    std::optional<std::vector<DeviceRule>> rules = {}; ///< linux.resources.devices, in order
};

/// Version 1: each rule is written to devices.allow. Version 2: on each of the container's own
/// levels every program that denies a rule is replaced, once, by a copy that allows them all. A
/// program that the kernel does not show is rebuilt from the rules of config.json, with a warning,
/// or an error if these are not known. A program that cannot be copied, because of a call for
/// instance, is an error if it is sure to deny a rule; else it stays, with a warning. Levels that
/// the container shares are never changed: one that denies is an error that names it. Where nothing
/// denies, nothing is done.
///
/// If systemd made a scope for this container alone, its DeviceAllow is updated first, because
/// systemd applies its own rules again from time to time; rules of the runtime beside systemd's
/// stay. A failure of the update is a warning. Of the pinned programs that systemd attaches, crun's
/// own for this scope is replaced; another one that denies a rule is a warning.
///
/// Outside the initial user namespace the kernel lets nobody change device rules, and the
/// permissions of the nodes are all there is: nothing is done.
///
/// `hierarchies` are the host's mounts of cgroup file systems; must run in the host's mount
/// namespace.
[[nodiscard]] Status allow_devices(const sys::Process& process, const CgroupFacts& facts,
                                   const std::vector<DeviceRule>& rules,
                                   const std::vector<MountInfo>& hierarchies, Notices& notices);

} // namespace grapnel::devices
