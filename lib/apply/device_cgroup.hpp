// SPDX-License-Identifier: Apache-2.0
// Opens the container's device cgroup for the planned devices.
#pragma once

#include "apply/cgroup_path.hpp"
#include "base/device_number.hpp"
#include "base/mountinfo.hpp"
#include "base/result.hpp"
#include "sys/process.hpp"

#include <optional>
#include <string>
#include <vector>

namespace grapnel::apply {

/// What config.json says of the container's cgroup, as far as it is at hand.
struct CgroupFacts {
    CgroupOwner owner = {};
    std::optional<std::vector<DeviceRule>> rules = {}; ///< linux.resources.devices, in order
};

/// Version 1: each rule is written to devices.allow. Version 2: on each of the container's own
/// levels every program that denies a rule is replaced, once, by a copy that allows them all. A
/// program that the kernel does not show is made anew from the rules of config.json, which is a
/// remark, and an error where these are not known. One that cannot be copied, because of a call or
/// the like, is an error where it is sure to deny a rule; else it stays, and that what it allows is
/// not known is a remark. Levels that the container shares are
/// never changed: one that denies is an error that names it. Where nothing denies, nothing is done.
///
/// Where systemd made a scope for this container alone it is told of the devices first, because it
/// puts its own rules into force anew from time to time; what the runtime allowed beside systemd's
/// rules stays. That it could not be told is a remark. Of the programs that it attaches by their
/// path, crun's own for this scope is replaced; that another one denies a rule is a remark.
///
/// Outside the initial user namespace the kernel lets nobody change device rules, and the
/// permissions of the nodes are all there is: nothing is done.
///
/// `hierarchies` are the host's mounts of cgroup file systems; must run in the host's mount
/// namespace.
[[nodiscard]] Result<std::vector<std::string>>
allow_devices(const sys::Process& process, const CgroupFacts& facts,
              const std::vector<DeviceRule>& rules, const std::vector<MountInfo>& hierarchies);

} // namespace grapnel::apply
