// SPDX-License-Identifier: Apache-2.0
// Versions as the driver and the requirement language write them: numbers between dots.
#pragma once

#include <compare>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace grapnel {

struct Version {
    std::vector<std::uint32_t> parts = {};

    /// Digits and dots alone, at most eight parts; nothing for anything else.
    [[nodiscard]] static std::optional<Version> parse(std::string_view text);

    /// Missing parts count as zero: 12 equals 12.0.
    [[nodiscard]] std::strong_ordering operator<=>(const Version& other) const;
    [[nodiscard]] bool operator==(const Version& other) const {
        return (*this <=> other) == std::strong_ordering::equal;
    }
};

} // namespace grapnel
