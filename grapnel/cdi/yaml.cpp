// SPDX-License-Identifier: Apache-2.0
#include "cdi/yaml.hpp"

#include "json/text.hpp"

#include <algorithm>
#include <nlohmann/json.hpp>

namespace grapnel::cdi_command {

namespace {

void write_block(const nlohmann::ordered_json& value, std::size_t depth, std::string& out);

bool is_bare(const std::string& key) {
    return !key.empty() && key.front() != '-' && std::ranges::all_of(key, [](char c) {
        return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z')
               || std::string_view("._/-").find(c) != std::string_view::npos;
    });
}

/// A value behind "KEY:" or "- ".
void write_member(const nlohmann::ordered_json& value, std::size_t depth, bool is_item,
                  std::string& out) {
    const bool is_block = value.is_structured() && !value.empty();
    if (!is_block)
        out += (is_item ? "" : " ") + write_json(value) + "\n";
    else if (is_item && value.is_object())
        write_block(value, depth, out);
    else {
        out += "\n";
        write_block(value, depth, out);
    }
}

void write_block(const nlohmann::ordered_json& value, std::size_t depth, std::string& out) {
    const std::string indent(depth * 2, ' ');
    for (const auto& [key, member] : value.items()) {
        const bool is_first_of_item = out.ends_with("- ");
        out += is_first_of_item ? "" : indent;
        if (value.is_object())
            out += (is_bare(key) ? key : write_json(nlohmann::json(key))) + ":";
        else
            out += "- ";
        write_member(member, depth + 1, value.is_array(), out);
    }
}

} // namespace

std::string to_yaml(const nlohmann::ordered_json& value) {
    std::string out = "---\n";
    write_block(value, 0, out);
    return out;
}

} // namespace grapnel::cdi_command
