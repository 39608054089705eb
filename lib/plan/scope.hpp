// SPDX-License-Identifier: Apache-2.0
// What an inventory must look for, so that a plan can be made.
#pragma once

#include "inventory/inventory.hpp"
#include "request/request.hpp"

namespace grapnel {

/// What the request and the settings say of it. Left to the caller: whether the CUDA version and
/// arch are needed (cuda_version, arch), what is known from before (known_gpus), and whether the
/// process may make nodes (may_make_nodes).
[[nodiscard]] InventoryScope inventory_scope(const Request& request, const Settings& settings);

} // namespace grapnel
