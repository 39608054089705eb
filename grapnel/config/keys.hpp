// SPDX-License-Identifier: Apache-2.0
// The settings by key: default, value in the file, and the line that has it.
#pragma once

#include "base/result.hpp"
#include "toml/library.hpp"

#include <cstddef>
#include <map>
#include <string>
#include <string_view>
#include <vector>

namespace grapnel::config_command {

/// The value of a key as TOML has it.
struct KeyValue {
    enum class Type { flag, text, list };
    Type type = Type::text;
    bool flag = false;
    std::string text = {};
    std::vector<std::string> list = {};

    bool operator==(const KeyValue&) const = default;
};

struct Setting {
    std::string key = {}; ///< with its tables, separated by dots
    KeyValue value = {};
    std::size_t line = 0; ///< of the file; 0: the default
};

/// The value as a settings file has it.
[[nodiscard]] std::string to_toml(const KeyValue& value);

/// The value at that key; nothing for a key that is missing or of another type.
[[nodiscard]] const toml::node* node_at(const toml::table& table, std::string_view key);
[[nodiscard]] std::optional<KeyValue> value_of(const toml::node& node);

/// Every key with its default of config/config.toml.
[[nodiscard]] Result<std::map<std::string, KeyValue>> default_values();

/// The default, or the value in `text`, of every key. `name` is the file's, for errors.
[[nodiscard]] Result<std::vector<Setting>> settings_in(std::string_view text,
                                                       std::string_view name);

} // namespace grapnel::config_command
