// SPDX-License-Identifier: Apache-2.0
// The driver's files of a plan.
#pragma once

#include "driver/inventory.hpp"
#include "image/facts.hpp"
#include "plan/plan.hpp"
#include "request/request.hpp"

namespace grapnel::plan {

[[nodiscard]] Status add_files(Plan& plan, const Request& request, const Inventory& inventory,
                               const ImageLayout& image);

} // namespace grapnel::plan
