// SPDX-License-Identifier: Apache-2.0
// A Jetson's driver: pass-through paths, which JetPack lists.
#pragma once

#include "driver/inventory.hpp"

#include <set>
#include <vector>

namespace grapnel::driver {

/// A Jetson or another board of the Tegra family.
[[nodiscard]] bool is_tegra(const sys::HostFs& host);

/// The device nodes that the lists name.
[[nodiscard]] std::set<HostPath> listed_nodes(const sys::HostFs& host, const CsvScope& scope);

/// In the automatic mode: a board without GPUs of the nvidia module (`shown`), or with its own
/// among them, if it is JetPack that runs there.
[[nodiscard]] bool is_served_by_csv_lists(const sys::HostFs& host, const CsvScope& scope,
                                          const std::vector<Gpu>& shown);

/// The inventory by JetPack's CSV lists. On a board with cards the nvidia module shows the GPUs,
/// each with its nodes; else there is one GPU, which has all nodes. Malformed lines and missing
/// files are warnings.
[[nodiscard]] Result<Inventory> from_csv_lists(const sys::HostFs& host,
                                               const InventoryScope& scope);

} // namespace grapnel::driver
