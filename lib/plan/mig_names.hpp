// SPDX-License-Identifier: Apache-2.0
// The names by which a container can ask for a MIG device, in any case:
//
//   0:1                               index of the GPU, index among its MIG devices
//   MIG-<UUID of the GPU>/2/0         GPU instance and compute instance
//   GPU0-MIG1/2/0                     all four numbers
//   MIG-<UUID>                        which only the driver's library knows
#pragma once

#include "driver/inventory.hpp"
#include "request/request.hpp"

#include <string_view>
#include <vector>

namespace grapnel {

/// Whether the inventory must look at MIG devices for this request.
[[nodiscard]] bool needs_mig_devices(const Request& request);

/// Whether a name of the request is MIG-<UUID>, for which the driver's library may have to be
/// asked.
[[nodiscard]] bool names_mig_uuid(const Request& request);

/// Whether the driver's library must be asked for the UUIDs of MIG devices: a name of the request
/// can be a UUID that the inventory lacks.
[[nodiscard]] bool needs_mig_uuids(const Request& request, const Inventory& inventory);

/// MIG-<UUID>.
[[nodiscard]] bool is_mig_uuid(std::string_view name);

[[nodiscard]] bool has_mig_name(const Gpu& gpu, const MigDevice& device, std::string_view name);

/// The name is one of a MIG device of this GPU, there or not.
[[nodiscard]] bool is_mig_name_of(const Gpu& gpu, std::string_view name);

[[nodiscard]] bool has_unnamed_mig_device(const std::vector<Gpu>& gpus);

} // namespace grapnel
