// SPDX-License-Identifier: Apache-2.0
// The container's view of /proc/driver/nvidia.
#pragma once

#include "driver/inventory.hpp"
#include "plan/plan.hpp"
#include "request/request.hpp"

namespace grapnel::plan {

/// After the GPUs.
void add_proc_view(Plan& plan, const Request& request, const Inventory& inventory);

} // namespace grapnel::plan
