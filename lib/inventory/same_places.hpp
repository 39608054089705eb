// SPDX-License-Identifier: Apache-2.0
// Drivers that are no kernel module of ours, and whose files a container gets at the places that
// they have on the host: Windows' own, below WSL, and that of a Jetson.
#pragma once

#include "inventory/inventory.hpp"

namespace grapnel::inventory {

/// The GPU of a virtual machine of Windows: /dev/dxg, and no driver of this kernel.
[[nodiscard]] bool is_wsl(const sys::HostFs& host);

/// One device for all of Windows' GPUs, and the files of its driver store: the directory below
/// /usr/lib/wsl/drivers that holds the driver's libraries, of several the one that was changed
/// last.
[[nodiscard]] Result<Inventory> of_wsl(const sys::HostFs& host, const InventoryScope& scope);

/// A Jetson or another board of the Tegra family.
[[nodiscard]] bool is_tegra(const sys::HostFs& host);

[[nodiscard]] bool has_csv_lists(const sys::HostFs& host, const CsvScope& scope);

/// What the CSV lists of JetPack name. On a board with cards the GPUs are those that the nvidia
/// module shows, each with its nodes; else there is one, which has all nodes. Lines that cannot be
/// understood, and what is not on this host, are remarked.
[[nodiscard]] Result<Inventory> from_csv_lists(const sys::HostFs& host,
                                               const InventoryScope& scope);

} // namespace grapnel::inventory
