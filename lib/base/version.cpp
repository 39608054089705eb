// SPDX-License-Identifier: Apache-2.0
#include "base/version.hpp"

#include "base/text.hpp"

#include <algorithm>

namespace grapnel {

std::optional<Version> Version::parse(std::string_view text) {
    Version version;
    for (const auto part : split(text, '.')) {
        const auto number = parse_number<std::uint32_t>(part);
        if (!number || version.parts.size() == 8)
            return std::nullopt;
        version.parts.push_back(*number);
    }
    return version;
}

std::strong_ordering Version::operator<=>(const Version& other) const {
    for (std::size_t i = 0; i < std::max(parts.size(), other.parts.size()); ++i) {
        const auto left = i < parts.size() ? parts[i] : 0;
        const auto right = i < other.parts.size() ? other.parts[i] : 0;
        if (left != right)
            return left <=> right;
    }
    return std::strong_ordering::equal;
}

} // namespace grapnel
