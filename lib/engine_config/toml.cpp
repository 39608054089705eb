// SPDX-License-Identifier: Apache-2.0
#include "engine_config/toml.hpp"

#include "base/format.hpp"
#include "base/text.hpp"
#include "toml/parse.hpp"

#include <algorithm>
#include <cmath>

namespace grapnel::engine_config {

namespace {

constexpr std::size_t size_limit = std::size_t{1} << 18;

std::string key_text(std::string_view key) {
    const bool bare = !key.empty() && std::ranges::all_of(key, [](char c) {
        return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9')
               || c == '_' || c == '-';
    });
    return bare ? std::string(key) : toml_string(key);
}

std::string float_text(double number) {
    if (std::isnan(number))
        return "nan";
    if (std::isinf(number))
        return number > 0 ? "inf" : "-inf";
    auto text = format_text("{}", number);
    return text.find_first_of(".e") == text.npos ? text + ".0" : text;
}

Result<std::string> value_text(const toml::node& node);

Result<std::string> inline_table(const toml::table& table) {
    std::string out;
    for (const auto& [key, node] : table) {
        const auto value = GRAPNEL_TRY(value_text(node));
        out += (out.empty() ? "{ " : ", ") + key_text(key.str()) + " = " + value;
    }
    return out.empty() ? "{}" : out + " }";
}

Result<std::string> value_text(const toml::node& node) {
    if (const auto* const table = node.as_table())
        return inline_table(*table);
    if (const auto* const array = node.as_array()) {
        std::string out;
        for (const auto& element : *array) {
            const auto value = GRAPNEL_TRY(value_text(element));
            out += (out.empty() ? "" : ", ") + value;
        }
        return "[" + out + "]";
    }
    if (const auto* const text = node.as_string())
        return toml_string(text->get());
    if (const auto* const number = node.as_integer())
        return std::to_string(number->get());
    if (const auto* const number = node.as_floating_point())
        return float_text(number->get());
    if (const auto* const flag = node.as_boolean())
        return std::string(flag->get() ? "true" : "false");
    return refused(format_text("line {}: a date or time", node.source().begin.line));
}

Status write_table(const toml::table& table, const std::string& prefix, std::string& out) {
    std::string plain;
    for (const auto& [key, node] : table) {
        if (node.is_table())
            continue;
        const auto value = GRAPNEL_TRY(value_text(node));
        plain += key_text(key.str()) + " = " + value + "\n";
    }
    if (!prefix.empty() && (!plain.empty() || table.empty()))
        out += (out.empty() ? "[" : "\n[") + prefix + "]\n";
    out += plain;
    for (const auto& [key, node] : table)
        if (const auto* const below = node.as_table()) {
            const auto name = (prefix.empty() ? "" : prefix + ".") + key_text(key.str());
            GRAPNEL_TRY(write_table(*below, name, out));
        }
    return {};
}

} // namespace

Result<toml::table> parse_settings(std::string_view text, std::string_view name) {
    return parse_toml(text, name, size_limit).cure("correct it first; nothing was changed");
}

std::string toml_string(std::string_view text) {
    std::string out = "\"";
    for (const char c : text) {
        const auto byte = static_cast<unsigned char>(c);
        if (c == '"' || c == '\\')
            out += std::string("\\") + c;
        else if (byte < 0x20 || byte == 0x7f)
            out += format_text("\\u{:04X}", unsigned{byte});
        else
            out += c;
    }
    return out + "\"";
}

Result<std::string> write_toml(const toml::table& table) {
    std::string out;
    GRAPNEL_TRY(write_table(table, "", out));
    return out;
}

const toml::table* table_at(const toml::table& table,
                            std::initializer_list<std::string_view> keys) {
    const auto* found = &table;
    for (const auto key : keys)
        if (found != nullptr)
            found = found->get_as<toml::table>(key);
    return found;
}

toml::table& make_table_at(toml::table& table, std::initializer_list<std::string_view> keys) {
    auto* found = &table;
    for (const auto key : keys) {
        if (found->get_as<toml::table>(key) == nullptr)
            found->insert_or_assign(key, toml::table());
        found = found->get_as<toml::table>(key);
    }
    return *found;
}

} // namespace grapnel::engine_config
