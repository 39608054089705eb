// SPDX-License-Identifier: Apache-2.0
// Checks requirements against the host: each with each chosen GPU, or once without a chosen GPU;
// conditions on arch and brand are then met.
//
// The kernel's facts come first. Only if they do not decide a requirement, the driver's library has
// to be asked (grapnel-probe), which takes long and opens the GPUs.
#pragma once

#include "base/result.hpp"
#include "driver/inventory.hpp"
#include "request/request.hpp"

#include <vector>

namespace grapnel {

/// Whether a requirement names the arch or the brand of a GPU.
[[nodiscard]] bool names_gpu(const Request& request);

/// Whether these can matter, as far as that is known before the inventory: a requirement names one,
/// and the driver's version and the CUDA version of its branch do not decide it alone.
[[nodiscard]] bool may_need_probe(const Request& request, const DriverBranch& branch);

/// Whether grapnel-probe has to be asked: a requirement is undecided for want of a chosen GPU's
/// arch or brand, and no requirement is unmet, which would decide the rest.
[[nodiscard]] bool needs_probe(const Request& request, const Inventory& inventory);

/// Refuses an unmet, or else an undecided requirement; the first of the kind is named, with the
/// first GPU that does not meet it.
[[nodiscard]] Status check_requirements(const Request& request, const Inventory& inventory,
                                        const std::vector<Gpu>& chosen);

} // namespace grapnel
