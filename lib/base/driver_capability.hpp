// SPDX-License-Identifier: Apache-2.0
// Driver capabilities: the parts of the driver that a container can ask for. They have nothing
// to do with Linux capabilities.
#pragma once

#include <array>
#include <initializer_list>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace grapnel {

enum class DriverCapability { compat32, compute, display, graphics, ngx, utility, video };

/// In the order of the enumerators.
inline constexpr std::array<std::string_view, 7> driver_capability_names{
    "compat32", "compute", "display", "graphics", "ngx", "utility", "video"};

[[nodiscard]] std::optional<DriverCapability> driver_capability(std::string_view name);

class DriverCapabilities {
  public:
    constexpr DriverCapabilities() = default;
    constexpr DriverCapabilities(std::initializer_list<DriverCapability> members) {
        for (const auto member : members)
            bits_ |= bit(member);
    }
    [[nodiscard]] static constexpr DriverCapabilities all() {
        return from_bits((1U << driver_capability_names.size()) - 1);
    }

    void insert(DriverCapability member) { bits_ |= bit(member); }
    [[nodiscard]] constexpr bool has(DriverCapability member) const {
        return (bits_ & bit(member)) != 0;
    }
    [[nodiscard]] constexpr bool empty() const { return bits_ == 0; }
    [[nodiscard]] constexpr bool contains(DriverCapabilities other) const {
        return (bits_ & other.bits_) == other.bits_;
    }
    [[nodiscard]] constexpr DriverCapabilities operator&(DriverCapabilities other) const {
        return from_bits(bits_ & other.bits_);
    }
    /// Graphics or display: the two bring the same files.
    [[nodiscard]] constexpr bool wants_graphics() const {
        return has(DriverCapability::graphics) || has(DriverCapability::display);
    }
    /// In alphabetical order.
    [[nodiscard]] std::vector<std::string> names() const;

    constexpr bool operator==(const DriverCapabilities&) const = default;

  private:
    static constexpr unsigned bit(DriverCapability member) {
        return 1U << static_cast<unsigned>(member);
    }
    static constexpr DriverCapabilities from_bits(unsigned bits) {
        DriverCapabilities set;
        set.bits_ = bits;
        return set;
    }
    unsigned bits_ = 0;
};

} // namespace grapnel
