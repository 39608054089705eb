// SPDX-License-Identifier: Apache-2.0
// Reading members of JSON objects without exceptions and without conversions.
#pragma once

#include "base/result.hpp"
#include "json/members.hpp"

#include <nlohmann/json.hpp>
#include <string>
#include <string_view>
#include <vector>

namespace grapnel::oci {

using Json = nlohmann::json;

/// `text` as one JSON object; `what` names it in the error.
[[nodiscard]] Result<Json> parse_object(std::string_view text, std::string_view what);

/// The same, with the wanted members alone.
[[nodiscard]] Result<Json> parse_object(std::string_view text, std::string_view what,
                                        const std::vector<WantedMember>& wanted);

/// The member, or nothing if it is missing or null.
[[nodiscard]] const Json* member(const Json& object, const char* key);

/// The member if it is missing or of that type; an error naming `key` for another type.
[[nodiscard]] Result<const Json*> object_member(const Json& object, const char* key);
[[nodiscard]] Result<const Json*> array_member(const Json& object, const char* key);

/// Empty if the member is missing.
[[nodiscard]] Result<std::string> string_member(const Json& object, const char* key);
[[nodiscard]] Result<std::vector<std::string>> strings_member(const Json& object, const char* key);

} // namespace grapnel::oci
