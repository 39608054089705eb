// SPDX-License-Identifier: Apache-2.0
// The MIG devices that names of a request mean. MIG-<UUID> is known to the driver's library alone.
#pragma once

#include "driver/inventory.hpp"
#include "request/request.hpp"

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
[[nodiscard]] bool is_mig_uuid(const GpuName& name);

[[nodiscard]] bool has_mig_name(const Gpu& gpu, const MigDevice& device, const GpuName& name);

/// The name is one of a MIG device of this GPU, there or not.
[[nodiscard]] bool is_mig_name_of(const Gpu& gpu, const GpuName& name);

[[nodiscard]] bool has_unnamed_mig_device(const std::vector<Gpu>& gpus);

} // namespace grapnel
