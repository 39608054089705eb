// SPDX-License-Identifier: Apache-2.0
// Whether an inventory can be true, for one that comes from a process that read the driver's files
// and so may have been taken over by one of them.
#pragma once

#include "base/result.hpp"
#include "driver/inventory.hpp"
#include "sys/host_fs.hpp"

namespace grapnel {

/// Refuses an inventory that names
///
/// - a file to mount whose name lies in none of `places` (readable_paths.hpp), or leads to none;
/// - a socket or directory of a service that is not the driver's;
/// - a device node that is not below /dev, or has another device number on this host;
/// - a device number of a module that GPUs do not come with, unless it is that of a node that
///   JetPack's lists name on a Jetson.
///
/// Parses no file but those of /proc.
[[nodiscard]] Status check_inventory(const sys::HostFs& host, const InventoryScope& scope,
                                     const ReadablePaths& places, const Inventory& inventory);

} // namespace grapnel
