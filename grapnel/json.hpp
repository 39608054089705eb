// SPDX-License-Identifier: Apache-2.0
// JSON as the commands print it: doc/grapnel-json.5.scd has each key.
#pragma once

#include <nlohmann/json.hpp>
#include <string>

namespace grapnel {

using Json = nlohmann::ordered_json;

/// Indented, with a newline at its end; bytes that are not UTF-8 are replaced.
[[nodiscard]] inline std::string to_text(const Json& json) {
    return json.dump(2, ' ', false, Json::error_handler_t::replace) + "\n";
}

/// null for an empty text.
[[nodiscard]] inline Json text_or_null(const std::string& text) {
    return text.empty() ? Json() : Json(text);
}

} // namespace grapnel
