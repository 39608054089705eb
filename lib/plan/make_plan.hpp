// SPDX-License-Identifier: Apache-2.0
// Request, driver and image joined to a plan.
#pragma once

#include "base/result.hpp"
#include "driver/inventory.hpp"
#include "image/facts.hpp"
#include "plan/plan.hpp"
#include "request/request.hpp"

namespace grapnel {

/// Pure: same arguments, same plan. Refuses a device that the host lacks, a node that is
/// missing or wrong, a requirement that is not met, a driver capability without its library.
[[nodiscard]] Result<Plan> make_plan(const Request& request, const Inventory& inventory,
                                     const ImageLayout& image);

} // namespace grapnel
