// SPDX-License-Identifier: Apache-2.0
// The GPU info cache. It takes the driver 1.5 ms and a question to the GPU to answer one read of
// /proc/driver/nvidia/gpus/*/information, so the answer is kept for as long as the driver stays
// bound to the GPU: the kernel gives the link
// /sys/bus/pci/drivers/nvidia/<address> a new inode for each binding.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace grapnel {

struct KnownGpu {
    std::string pci = {};
    std::uint64_t binding = 0; ///< inode of the link
    std::uint32_t minor = 0;
    std::string uuid = {};
    std::string model = {};

    bool operator==(const KnownGpu&) const = default;
};

/// One line a GPU: binding, address, minor, UUID and model between tabs.
[[nodiscard]] std::string to_text(const std::vector<KnownGpu>& gpus);

/// Skips malformed lines: the driver is asked again for a GPU that is not in the cache.
[[nodiscard]] std::vector<KnownGpu> parse_known_gpus(std::string_view text);

} // namespace grapnel
