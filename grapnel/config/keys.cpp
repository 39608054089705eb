// SPDX-License-Identifier: Apache-2.0
#include "config/keys.hpp"

#include "base/text.hpp"
#include "default_text.hpp"
#include "engine_config/toml.hpp"
#include "settings/settings.hpp"
#include "toml/parse.hpp"

#include <algorithm>

namespace grapnel::config_command {

namespace {

/// "#key = value" of config.toml becomes a line of TOML; its prose stays a comment.
bool is_default(std::string_view line) {
    constexpr std::string_view letters = "abcdefghijklmnopqrstuvwxyz0123456789-";
    if (!line.starts_with('#'))
        return false;
    const auto end = line.find_first_not_of(letters, 1);
    return end != std::string_view::npos && end > 1 && line.substr(end).starts_with(" = ");
}

std::string uncommented() {
    std::string out;
    for (const auto line : split(default_text, '\n'))
        out += std::string(is_default(line) ? line.substr(1) : line) + "\n";
    return out;
}

void flatten(const toml::table& table, const std::string& prefix,
             std::map<std::string, KeyValue>& out) {
    for (const auto& [key, node] : table) {
        const auto full = prefix + std::string(key.str());
        if (const auto* const below = node.as_table())
            flatten(*below, full + ".", out);
        else if (auto value = value_of(node))
            out.emplace(full, std::move(*value));
    }
}

} // namespace

std::string to_toml(const KeyValue& value) {
    switch (value.type) {
    case KeyValue::Type::flag:
        return value.flag ? "true" : "false";
    case KeyValue::Type::text:
        return engine_config::toml_string(value.text);
    case KeyValue::Type::list:
        break;
    }
    std::string out;
    for (const auto& text : value.list)
        out += (out.empty() ? "" : ", ") + engine_config::toml_string(text);
    return "[" + out + "]";
}

const toml::node* node_at(const toml::table& table, std::string_view key) {
    const auto* at = &table;
    while (true) {
        const auto dot = key.find('.');
        const auto* const node = at->get(key.substr(0, dot));
        if (node == nullptr || dot == std::string_view::npos)
            return node;
        at = node->as_table();
        if (at == nullptr)
            return nullptr;
        key.remove_prefix(dot + 1);
    }
}

std::optional<KeyValue> value_of(const toml::node& node) {
    if (const auto* const flag = node.as_boolean())
        return KeyValue{.type = KeyValue::Type::flag, .flag = flag->get()};
    if (const auto* const text = node.as_string())
        return KeyValue{.text = text->get()};
    const auto* const array = node.as_array();
    if (array == nullptr)
        return std::nullopt;
    KeyValue value{.type = KeyValue::Type::list};
    for (const auto& element : *array) {
        const auto* const text = element.as_string();
        if (text == nullptr)
            return std::nullopt;
        value.list.push_back(text->get());
    }
    return value;
}

Result<std::map<std::string, KeyValue>> default_values() {
    const auto table = GRAPNEL_TRY(parse_toml(uncommented(), "the defaults", settings_size_limit));
    std::map<std::string, KeyValue> out;
    flatten(table, "", out);
    return out;
}

Result<std::vector<Setting>> settings_in(std::string_view text, std::string_view name) {
    const auto table = GRAPNEL_TRY(parse_toml(text, name, settings_size_limit));
    std::vector<Setting> out;
    const auto defaults = GRAPNEL_TRY(default_values());
    for (const auto& [key, value] : defaults) {
        Setting setting{.key = key, .value = value};
        const auto* const node = node_at(table, key);
        auto given = node != nullptr ? value_of(*node) : std::nullopt;
        if (given && given->type == value.type) {
            setting.value = std::move(*given);
            setting.line = node->source().begin.line;
        }
        out.push_back(std::move(setting));
    }
    return out;
}

} // namespace grapnel::config_command
