// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <nlohmann/json.hpp>
#include <string>

namespace grapnel::doctor_command {

/// The string under `key`; empty for a value of another type, and if `object` is no object.
[[nodiscard]] inline std::string text_at(const nlohmann::json& object, const std::string& key) {
    const auto found = object.is_object() ? object.find(key) : object.end();
    return found != object.end() && found->is_string() ? found->get<std::string>() : "";
}

} // namespace grapnel::doctor_command
