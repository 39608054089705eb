// SPDX-License-Identifier: Apache-2.0
// The inventory as bytes, for another process: the confined one that looks at the host hands it to
// the one that makes the plan.
//
// A header with the version of the form, then the fields in the order of their declaration:
//
// | type            | bytes                                               |
// | number, enum    | 8, little-endian                                    |
// | bool            | 1: 0 or 1                                           |
// | text, path      | the length as a number, the bytes                   |
// | optional        | a bool, the value if there is one                   |
// | vector, map     | the count as a number, the elements; keys ascending |
//
// The bytes depend on the values alone, and each inventory has one form.
#pragma once

#include "base/result.hpp"
#include "driver/inventory.hpp"

#include <cstddef>
#include <string>
#include <string_view>

namespace grapnel {

inline constexpr std::size_t serialized_inventory_limit = std::size_t{16} << 20; ///< bytes

/// An error takes the place of the inventory with all its parts.
[[nodiscard]] std::string serialize(const Result<Inventory>& inventory);

/// The bytes are not trusted. Refuses any that serialize() cannot have written, so also relative
/// paths, names with a slash, indices out of order, and bytes beyond the end.
[[nodiscard]] Result<Inventory> parse_serialized_inventory(std::string_view bytes);

} // namespace grapnel
