// SPDX-License-Identifier: Apache-2.0
// Facts on the host's mounts, read once a start.
#pragma once

#include "base/device_number.hpp"
#include "base/mountinfo.hpp"
#include "base/path.hpp"
#include "base/result.hpp"

#include <cstdint>
#include <optional>
#include <vector>

namespace grapnel::apply {

struct HostMounts {
    std::vector<MountInfo> cgroups = {};         ///< cgroup hierarchies, of both versions
    std::vector<DeviceNumber> file_systems = {}; ///< all that are mounted, sorted
    std::vector<std::uint64_t> peer_groups = {}; ///< of the mounts and of their masters, sorted
};

/// Must run in the host's mount namespace. The file systems at and below `rootfs` are left out:
/// where this program shares the container's mount namespace they are the container's.
[[nodiscard]] Result<HostMounts> read_host_mounts(const std::optional<HostPath>& rootfs);

} // namespace grapnel::apply
