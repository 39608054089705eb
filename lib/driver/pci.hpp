// SPDX-License-Identifier: Apache-2.0
// NVIDIA's GPUs on the PCI bus, bound to the nvidia module or not.
#pragma once

#include "sys/host_fs.hpp"

#include <string>
#include <vector>

namespace grapnel::driver {

/// NVIDIA's GPUs on the PCI bus, each with the driver that holds it. For people: an address
/// with the driver's name, or "no driver", in brackets.
[[nodiscard]] std::vector<std::string> gpus_of_others(const sys::HostFs& host);

} // namespace grapnel::driver
