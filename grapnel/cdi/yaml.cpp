// SPDX-License-Identifier: Apache-2.0
#include "cdi/yaml.hpp"

#include <vector>

namespace grapnel::cdi_command {

namespace {

using Json = nlohmann::ordered_json;

void write(const Json& value, std::size_t depth, std::string& out);

/// A value behind "KEY:" or "- ".
void write_member(const Json& value, std::size_t depth, bool is_item, std::string& out) {
    const bool is_block = value.is_structured() && !value.empty();
    if (!is_block)
        out += (is_item ? "" : " ") + value.dump() + "\n";
    else if (is_item && value.is_object())
        write(value, depth, out);
    else {
        out += "\n";
        write(value, depth, out);
    }
}

void write(const Json& value, std::size_t depth, std::string& out) {
    const std::string indent(depth * 2, ' ');
    for (const auto& [key, member] : value.items()) {
        const bool is_first_of_item = out.ends_with("- ");
        out += is_first_of_item ? "" : indent;
        if (value.is_object())
            out += key + ":";
        else
            out += "- ";
        write_member(member, depth + 1, value.is_array(), out);
    }
}

} // namespace

std::string to_yaml(const Json& value) {
    std::string out = "---\n";
    write(value, 0, out);
    return out;
}

} // namespace grapnel::cdi_command
