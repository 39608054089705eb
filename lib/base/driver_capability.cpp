// SPDX-License-Identifier: Apache-2.0
#include "base/driver_capability.hpp"

#include <algorithm>

namespace grapnel {

std::optional<DriverCapability> driver_capability(std::string_view name) {
    const auto* const found = std::ranges::find(driver_capability_names, name);
    if (found == driver_capability_names.end())
        return std::nullopt;
    return static_cast<DriverCapability>(found - driver_capability_names.begin());
}

std::vector<std::string> DriverCapabilities::names() const {
    std::vector<std::string> out;
    for (std::size_t i = 0; i < driver_capability_names.size(); ++i)
        if (has(static_cast<DriverCapability>(i)))
            out.emplace_back(driver_capability_names[i]);
    return out;
}

} // namespace grapnel
