// SPDX-License-Identifier: Apache-2.0
// Updates DeviceAllow of a container's scope: systemd applies its own list again at each
// daemon-reload, and a device that is not on it is lost then.
#pragma once

#include "base/device_number.hpp"
#include "base/path.hpp"
#include "base/result.hpp"
#include "devices/cgroup_path.hpp"

#include <string_view>
#include <vector>

namespace grapnel::devices {

struct Told {
    bool anew = false; ///< systemd has put its rules into force just now
    /// Pinned device programs that systemd attaches again each time.
    std::vector<HostPath> pinned = {};
};

/// Where crun from 1.28 on pins the program that it made for this scope alone. Whatever else a
/// scope names by its path is somebody else's, and other units may share it.
[[nodiscard]] HostPath pin_of_crun(std::string_view unit);

/// Adds the devices of the rules to the scope's DeviceAllow, as far as they are missing there.
/// Nothing is added where the scope has no list, so that everything is allowed, where systemd
/// does not know the scope, and where its cgroup is not the container's, which is an error.
[[nodiscard]] Result<Told> tell_systemd(const OwnScope& scope,
                                        const std::vector<DeviceRule>& rules);

} // namespace grapnel::devices
