// SPDX-License-Identifier: Apache-2.0
// All of the driver's nodes, for a container that manages the host's driver.
#pragma once

#include "base/notices.hpp"
#include "driver/inventory.hpp"
#include "driver/nodes.hpp"
#include "sys/host_fs.hpp"

#include <vector>

namespace grapnel::driver {

/// The driver's nodes in /dev that the inventory does not have yet, except nodes of device groups
/// and of NVLink, as NVIDIA's CDI mode "management" has them. A node of another driver is a
/// warning.
[[nodiscard]] std::vector<Node> other_nodes(const sys::HostFs& host, const Majors& majors,
                                            const Inventory& inventory, Notices& notices);

} // namespace grapnel::driver
