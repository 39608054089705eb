// SPDX-License-Identifier: Apache-2.0
// JSON as the commands print it: doc/grapnel-json.5.scd has each key.
#pragma once

#include "json/text.hpp"

#include <nlohmann/json.hpp>
#include <string>

namespace grapnel {

using Json = nlohmann::ordered_json;

/// Indented, with a newline at its end; bytes that are not UTF-8 are replaced.
[[nodiscard]] inline std::string to_text(const Json& json) {
    return write_json(json, readable_json) + "\n";
}

/// null for an empty text.
[[nodiscard]] inline Json text_or_null(const std::string& text) {
    return text.empty() ? Json() : Json(text);
}

} // namespace grapnel
