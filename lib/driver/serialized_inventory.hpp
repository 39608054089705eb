// SPDX-License-Identifier: Apache-2.0
// The inventory as bytes, for another process: the confined one that looks at the host hands it to
// the one that makes the plan, which keeps it for later starts.
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
#include "driver/observed_host.hpp"

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>

namespace grapnel {

inline constexpr std::size_t serialized_inventory_limit = std::size_t{16} << 20; ///< bytes

struct ObservedInventory {
    Inventory inventory = {};
    /// The answers of the host that it follows from; nothing: it is of use now alone.
    std::optional<driver::Observations> observations = {};

    bool operator==(const ObservedInventory&) const = default;
};

/// An error takes the place of it with all its parts.
[[nodiscard]] std::string serialize(const Result<ObservedInventory>& inventory);

/// The bytes are not trusted. Refuses any that serialize() cannot have written, so also relative
/// paths, names with a slash, indices out of order, and bytes beyond the end.
[[nodiscard]] Result<ObservedInventory> parse_serialized_inventory(std::string_view bytes);

/// The part of a scope that an inventory depends on besides the host's answers: not what is known
/// already. Two scopes with the same bytes are the same. `may_make_nodes`: the
/// scope's answer.
[[nodiscard]] std::string serialize(const InventoryScope& scope, bool may_make_nodes);

} // namespace grapnel
