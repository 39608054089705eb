// SPDX-License-Identifier: Apache-2.0
// Requests for GPUs that the nvidia driver does not have.
#pragma once

#include "driver/inventory.hpp"
#include "plan/plan.hpp"
#include "request/request.hpp"

namespace grapnel::plan {

/// Refuses a GPU by name if the nvidia driver has no GPU: the error names the driver that it is
/// bound to.
[[nodiscard]] Status refuse_gpus_of_others(const Request& request, const Inventory& inventory);

} // namespace grapnel::plan
