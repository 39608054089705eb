// SPDX-License-Identifier: Apache-2.0
// JSON texts of which a reader needs few members. The rest of a long text costs no values, with
// their memory and page faults, and no parser.
#pragma once

#include <nlohmann/json_fwd.hpp>
#include <string>
#include <string_view>
#include <vector>

namespace grapnel {

/// A member of an object that a reader needs.
struct WantedMember {
    std::string name = {};
    /// The members that it needs of that member, or of each object in its array; empty: all.
    std::vector<WantedMember> members = {};
    bool is_prefix = false; ///< all members whose names begin with `name`
};

/// As parse_json(), with the wanted members alone; a member whose name has an escape can stand
/// among them. A mistake within another member is passed over where brackets and quotation marks
/// are paired.
[[nodiscard]] nlohmann::json parse_json_members(std::string_view text,
                                                const std::vector<WantedMember>& wanted);

} // namespace grapnel
