// SPDX-License-Identifier: Apache-2.0
// The parts of a plan, each in a file of its own. Private to this module.
#pragma once

#include "plan/plan.hpp"

namespace grapnel::plan {

/// The node with its rule. An optional node that is not there is left out; any other that is
/// missing or not what it should be is refused.
[[nodiscard]] Status add_device(Plan& plan, const Node& node);

[[nodiscard]] Status add_files(Plan& plan, const Request& request, const Inventory& inventory,
                               const ImageLayout& image);

/// After the files: only where libcuda is among them.
void add_compat(Plan& plan, const Request& request, const ImageLayout& image);

/// After the GPUs.
void add_proc_view(Plan& plan, const Inventory& inventory);

} // namespace grapnel::plan
