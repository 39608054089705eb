// SPDX-License-Identifier: Apache-2.0
// The device lists of a container's cgroups of version 1 (devices.list, devices.allow).
#pragma once

#include "base/device_number.hpp"
#include "base/result.hpp"
#include "devices/cgroup_path.hpp"

#include <string>
#include <vector>

namespace grapnel::devices {

/// Allows the rules' devices in the container's own levels, from the highest down: a cgroup can
/// only allow devices that its parent allows. A shared level is never changed: where the lowest one
/// is shared and denies a rule, that is an error that names it.
[[nodiscard]] Status open_lists(const std::vector<CgroupLevel>& levels,
                                const std::vector<DeviceRule>& rules);

/// The lists of the own levels, in the order of `levels`; empty for the others.
[[nodiscard]] Result<std::vector<std::string>> own_lists(const std::vector<CgroupLevel>& levels);

/// Allows again each device that was allowed then and is not now.
[[nodiscard]] Status restore_lists(const std::vector<CgroupLevel>& levels,
                                   const std::vector<std::string>& before);

/// The error of a level that is not the container's alone and denies it a device.
[[nodiscard]] Error shared_level_denies(const CgroupLevel& level, const DeviceRule& rule);

} // namespace grapnel::devices
