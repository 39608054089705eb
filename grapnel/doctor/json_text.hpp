// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <nlohmann/json.hpp>
#include <string>

namespace grapnel::doctor_command {

/// The text under `key`; empty where that is another value, or `object` no object.
[[nodiscard]] inline std::string text_at(const nlohmann::json& object, const std::string& key) {
    const auto found = object.is_object() ? object.find(key) : object.end();
    return found != object.end() && found->is_string() ? found->get<std::string>() : "";
}

} // namespace grapnel::doctor_command
