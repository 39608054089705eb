// SPDX-License-Identifier: Apache-2.0
// MIG devices of a plan.
#pragma once

#include "driver/inventory.hpp"
#include "plan/plan.hpp"
#include "request/request.hpp"

#include <vector>

namespace grapnel::plan {

/// The MIG devices that select_gpus() left with the GPUs, and the rights to make and to watch.
[[nodiscard]] Status add_mig(Plan& plan, const Request& request, const Inventory& inventory,
                             const std::vector<Gpu>& selected);

/// The files of MIG in /proc.
void add_mig_to_view(Plan& plan, View& view, const Request& request);

} // namespace grapnel::plan
