// SPDX-License-Identifier: Apache-2.0
// The names of MIG devices, which the kernel does not know.
#pragma once

#include "inventory/inventory.hpp"

#include <cstdint>
#include <string>
#include <vector>

namespace grapnel {

/// What the driver's library (NVML) says of one MIG device.
struct MigName {
    std::string pci = {}; ///< of its GPU, with any padding
    unsigned index = 0;   ///< among the MIG devices of its GPU
    std::uint32_t gpu_instance = 0;
    std::uint32_t compute_instance = 0;
    std::string uuid = {};

    bool operator==(const MigName&) const = default;
};

/// Gives the MIG devices of the inventory their UUIDs, by GPU and instances. A name of a device
/// that is not there is passed over; one that the library counts in another way is remarked.
void name_mig_devices(Inventory& inventory, const std::vector<MigName>& names);

} // namespace grapnel
