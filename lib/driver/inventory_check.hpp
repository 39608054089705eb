// SPDX-License-Identifier: Apache-2.0
// Whether an inventory can be true, for one that comes from a process that read the driver's files
// and so may have been taken over by one of them.
#pragma once

#include "base/result.hpp"
#include "driver/inventory.hpp"
#include "sys/host_fs.hpp"

namespace grapnel {

/// Refuses a file that is mounted and leads to none of `places` (readable_paths.hpp), a socket or
/// directory of other kinds that drivers do not have, and a device node outside /dev, of another
/// number than it has, or, but on WSL and a Jetson, of no module that GPUs come with. Parses no
/// file but those of /proc.
[[nodiscard]] Status check_inventory(const sys::HostFs& host, const InventoryScope& scope,
                                     const ReadablePaths& places, const Inventory& inventory);

} // namespace grapnel
