// SPDX-License-Identifier: Apache-2.0
// The kernel's log (/dev/kmsg).
#pragma once

#include "base/result.hpp"

#include <cstdint>
#include <string>
#include <vector>

namespace grapnel::sys {

struct KernelMessage {
    std::int64_t age_s = 0;
    std::string text = {};
};

/// The messages that the kernel still has, the oldest first; at most 65,536. An error for a user
/// who may not read them (kernel.dmesg_restrict).
[[nodiscard]] Result<std::vector<KernelMessage>> kernel_log();

} // namespace grapnel::sys
