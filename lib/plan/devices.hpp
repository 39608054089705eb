// SPDX-License-Identifier: Apache-2.0
// Device nodes of a plan.
#pragma once

#include "driver/inventory.hpp"
#include "plan/plan.hpp"

namespace grapnel::plan {

/// The node with its rule. An optional node that is not there is left out; any other that is
/// missing or wrong is refused.
[[nodiscard]] Status add_device(Plan& plan, const Node& node);

} // namespace grapnel::plan
