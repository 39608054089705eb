// SPDX-License-Identifier: Apache-2.0
// Devices beside the GPUs that a container can ask for.
#pragma once

#include <array>
#include <cstdint>
#include <set>
#include <string_view>
#include <vector>

namespace grapnel {

/// Device nodes that go together: GPUDirect Storage, RDMA verbs, GPUDirect RDMA copies, NVSwitch.
enum class DeviceGroup { gds, mofed, gdrcopy, nvswitch };

/// A container asks for one by NVIDIA_<name>=enabled.
inline constexpr std::array<std::string_view, 4> device_group_names{"GDS", "MOFED", "GDRCOPY",
                                                                    "NVSWITCH"};

using DeviceGroups = std::set<DeviceGroup>;

/// Minors of character devices are smaller than this (MINORBITS of linux/kdev_t.h).
inline constexpr std::uint32_t minor_limit = 1U << 20;

/// Channels of NVIDIA's IMEX service, by their minors: each is below minor_limit.
struct ImexChannels {
    bool all = false; ///< every channel that the host has a node for
    std::vector<std::uint32_t> listed = {};

    [[nodiscard]] bool empty() const { return !all && listed.empty(); }
    bool operator==(const ImexChannels&) const = default;
};

} // namespace grapnel
