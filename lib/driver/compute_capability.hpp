// SPDX-License-Identifier: Apache-2.0
// Compute capabilities of GPUs (the requirement "arch").
#pragma once

#include "sys/host_fs.hpp"

#include <cstdint>
#include <optional>
#include <string>

namespace grapnel::driver {

/// By table; nothing for an ID that is not in it.
[[nodiscard]] std::optional<std::string> compute_capability(std::uint32_t device_id);

/// Of the GPU at that address, by its ID in /sys.
[[nodiscard]] std::optional<std::string> compute_capability(const sys::HostFs& host,
                                                            const std::string& pci);

} // namespace grapnel::driver
