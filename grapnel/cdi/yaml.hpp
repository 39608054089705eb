// SPDX-License-Identifier: Apache-2.0
// YAML as CDI files are written in it.
#pragma once

#include <nlohmann/json_fwd.hpp>
#include <string>

namespace grapnel::cdi_command {

/// Block style. A string is in JSON's quotes, which are YAML's double quotes too; so is a key with
/// other characters than letters, digits, '.', '_', '/' and '-'.
[[nodiscard]] std::string to_yaml(const nlohmann::ordered_json& value);

} // namespace grapnel::cdi_command
