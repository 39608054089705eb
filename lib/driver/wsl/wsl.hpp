// SPDX-License-Identifier: Apache-2.0
// Windows' driver below WSL: pass-through paths, and one device.
#pragma once

#include "driver/inventory.hpp"

namespace grapnel::driver {

/// The GPU of a virtual machine of Windows: /dev/dxg, and no driver of this kernel.
[[nodiscard]] bool is_wsl(const sys::HostFs& host);

/// One device for all of Windows' GPUs, and the files of its driver store: the directory below
/// /usr/lib/wsl/drivers that holds the driver's libraries, of several the one that was changed
/// last.
[[nodiscard]] Result<Inventory> of_wsl(const sys::HostFs& host, const InventoryScope& scope);

} // namespace grapnel::driver
