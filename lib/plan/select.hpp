// SPDX-License-Identifier: Apache-2.0
// From the names that a container uses to GPUs. Private to this module.
#pragma once

#include "inventory/inventory.hpp"
#include "request/request.hpp"

#include <vector>

namespace grapnel {

/// By index. A name is an index, a UUID (in any case), the beginning of one (eight digits at
/// least) that no other GPU's begins with, or a PCI address (domain:bus:device.function, with
/// any padding). `all` leaves out the GPUs that the inventory
/// found faulty; naming one is an error, and so is a name that no GPU has.
[[nodiscard]] Result<std::vector<Gpu>> select_gpus(const Request& request,
                                                   const std::vector<Gpu>& gpus);

} // namespace grapnel
