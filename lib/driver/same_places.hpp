// SPDX-License-Identifier: Apache-2.0
// Drivers with pass-through paths: a container gets their files at the places that they have on the
// host. Windows' driver below WSL, and a Jetson's.
#pragma once

#include "driver/inventory.hpp"

namespace grapnel::driver {

/// The GPU of a virtual machine of Windows: /dev/dxg, and no driver of this kernel.
[[nodiscard]] bool is_wsl(const sys::HostFs& host);

/// One device for all of Windows' GPUs, and the files of its driver store: the directory below
/// /usr/lib/wsl/drivers that holds the driver's libraries, of several the one that was changed
/// last.
[[nodiscard]] Result<Inventory> of_wsl(const sys::HostFs& host, const InventoryScope& scope);

/// A Jetson or another board of the Tegra family.
[[nodiscard]] bool is_tegra(const sys::HostFs& host);

[[nodiscard]] bool has_csv_lists(const sys::HostFs& host, const CsvScope& scope);

/// The inventory by JetPack's CSV lists. On a board with cards the nvidia module shows the GPUs,
/// each with its nodes; else there is one GPU, which has all nodes. Malformed lines and missing
/// files are warnings.
[[nodiscard]] Result<Inventory> from_csv_lists(const sys::HostFs& host,
                                               const InventoryScope& scope);

} // namespace grapnel::driver
