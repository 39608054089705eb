// SPDX-License-Identifier: Apache-2.0
// IMEX channels and device groups.
#pragma once

#include "base/notices.hpp"
#include "driver/inventory.hpp"
#include "driver/nodes.hpp"
#include "sys/host_fs.hpp"

#include <cstdint>
#include <vector>

namespace grapnel::driver {

/// The driver has the channels below this number.
[[nodiscard]] std::uint32_t imex_channel_count(const sys::HostFs& host);

[[nodiscard]] std::vector<Node> imex_channels(const sys::HostFs& host, const Majors& majors,
                                              const ImexChannels& wanted, Notices& notices);

/// A node that is missing, or no longer belongs to its module, is a warning.
[[nodiscard]] GroupDevices group_devices(const sys::HostFs& host, const Majors& majors,
                                         const DeviceGroups& wanted, Notices& notices);

} // namespace grapnel::driver
