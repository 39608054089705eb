// SPDX-License-Identifier: Apache-2.0
// The plan for a driver with pass-through paths (`Inventory::pass_through`).
#pragma once

#include "driver/inventory.hpp"
#include "image/facts.hpp"
#include "plan/plan.hpp"
#include "request/request.hpp"

namespace grapnel::plan {

/// Everything, for a driver with pass-through paths: the one device under the name 0 (and, where
/// the inventory says so, under every UUID), or the GPUs that the nvidia module shows; and all
/// files, whatever the driver capabilities are.
[[nodiscard]] Status add_same_places(Plan& plan, const Request& request, const Inventory& inventory,
                                     const ImageLayout& image);

} // namespace grapnel::plan
