// SPDX-License-Identifier: Apache-2.0
#include "parallel.hpp"

#include <algorithm>
#include <thread>

namespace grapnel {

std::size_t part_count(std::size_t useful) {
    constexpr std::size_t most = 4; // the kernel's locks keep more from being of use
    const std::size_t processors = std::thread::hardware_concurrency();
    return std::max<std::size_t>(std::min({useful, processors, most}), 1);
}

} // namespace grapnel
