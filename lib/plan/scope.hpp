// SPDX-License-Identifier: Apache-2.0
// The scope of an inventory that a plan needs.
#pragma once

#include "driver/inventory.hpp"
#include "request/request.hpp"

namespace grapnel {

/// The scope by request and settings. Left to the caller: whether the CUDA version and arch are
/// needed (cuda_version, arch), the GPU info cache (known_gpus), and whether the process may make
/// nodes (may_make_nodes).
[[nodiscard]] InventoryScope inventory_scope(const Request& request, const Settings& settings);

} // namespace grapnel
