// SPDX-License-Identifier: Apache-2.0
// Files and nodes of a plan by which programs draw.
#pragma once

#include "driver/inventory.hpp"
#include "plan/plan.hpp"

namespace grapnel::plan {

/// The nodes by which a program draws with the GPU, and the links that name them by its address.
[[nodiscard]] Status add_drm_nodes(Plan& plan, const Gpu& gpu);

/// Files of the loaders, modules of the X server, the application profile. After the GPUs.
[[nodiscard]] Status add_graphics(Plan& plan, const Inventory& inventory);

} // namespace grapnel::plan
