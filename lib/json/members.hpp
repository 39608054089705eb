// SPDX-License-Identifier: Apache-2.0
// Reads a few members of a JSON text. The other members are cut out of the text before it is
// parsed, so that a long text costs little memory and time.
#pragma once

#include <nlohmann/json_fwd.hpp>
#include <string>
#include <string_view>
#include <vector>

namespace grapnel {

/// A member of an object that a reader needs.
struct WantedMember {
    std::string name = {};
    /// The needed members of its value, or of each object in its array; empty: the whole value.
    std::vector<WantedMember> members = {};
    bool is_prefix = false; ///< `name` is the beginning of the names of all needed members
};

/// Parses the wanted members of a JSON text. The result can also have members whose names contain
/// an escape sequence. A mistake in the value of another member is no error if brackets and
/// quotation marks are paired. If the text is not valid JSON otherwise, the result is discarded, as
/// that of parse_json().
[[nodiscard]] nlohmann::json parse_json_members(std::string_view text,
                                                const std::vector<WantedMember>& wanted);

} // namespace grapnel
