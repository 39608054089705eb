// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <compare>
#include <cstdint>

namespace grapnel {

/// Mode and owner of a device node.
struct NodeAttributes {
    std::uint32_t mode = 0666;
    std::uint32_t user = 0;
    std::uint32_t group = 0;

    auto operator<=>(const NodeAttributes&) const = default;
};

} // namespace grapnel
