// SPDX-License-Identifier: Apache-2.0
// IMEX channels and device groups of a plan.
#pragma once

#include "driver/inventory.hpp"
#include "plan/plan.hpp"

namespace grapnel::plan {

/// IMEX channels and device groups.
[[nodiscard]] Status add_special_devices(Plan& plan, const Inventory& inventory);

} // namespace grapnel::plan
