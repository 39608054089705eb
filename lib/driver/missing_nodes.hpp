// SPDX-License-Identifier: Apache-2.0
// Nodes of the driver that are still to be made.
#pragma once

#include "base/path.hpp"
#include "driver/inventory.hpp"
#include "driver/nodes.hpp"
#include "sys/host_fs.hpp"

#include <optional>

namespace grapnel::driver {

/// By the "Name: value" lines of the driver's parameters or of a capability's file: mode and
/// owner of the nodes that they stand for. Nothing if the driver wants no nodes to be made.
[[nodiscard]] std::optional<NodeAttributes> node_attributes(const sys::HostFs& host,
                                                            const HostPath& file);

/// Says of each missing node whether it may be made, and how.
void mark_missing_nodes(const sys::HostFs& host, const Majors& majors, const InventoryScope& scope,
                        Inventory& inventory);

} // namespace grapnel::driver
