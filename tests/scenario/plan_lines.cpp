// SPDX-License-Identifier: Apache-2.0
#include "plan_lines.hpp"

#include "json/text.hpp"

#include <algorithm>
#include <array>
#include <nlohmann/json.hpp>

namespace grapnel::test {

namespace {

using Json = nlohmann::ordered_json;

/// "mounts" -> "mount", "driver_capabilities" -> "driver_capability"
std::string singular(std::string_view key) {
    if (key.ends_with("ies"))
        return std::string(key.substr(0, key.size() - 3)) + "y";
    return std::string(key.substr(0, key.size() - (key.ends_with('s') ? 1 : 0)));
}

/// Fields of mounts, links and files: their order and form tell them apart.
bool has_label(std::string_view key) {
    constexpr std::array<std::string_view, 6> without{"kind",    "host",   "inside",
                                                      "options", "target", "text"};
    return std::ranges::find(without, key) == without.end();
}

/// A string as it stands, if it can be mistaken neither for another type nor for two words.
/// `separators`: the characters that end it.
std::string word(const Json& value, std::string_view separators) {
    if (!value.is_string())
        return write_json(value);
    const auto& text = value.get_ref<const std::string&>();
    const auto ends_word = [&](char c) {
        const auto byte = static_cast<unsigned char>(c);
        return byte < ' ' || separators.find(c) != separators.npos;
    };
    const bool plain = !text.empty() && text.front() != '"' && json_syntax_error(text).has_value()
                       && std::ranges::none_of(text, ends_word);
    return plain ? text : write_json(value);
}

bool has_own_lines(const Json& value) {
    return value.is_array() && !value.empty() && value.front().is_object();
}

std::string field_text(const Json& value) {
    if (!value.is_array() || value.empty())
        return word(value, " =,");
    std::string out;
    for (const auto& element : value)
        out += (out.empty() ? "" : ",") + word(element, " =,");
    return out;
}

/// " host inside label=value", then a line for each object of a list in it
std::string object_lines(const Json& object, const std::string& indent) {
    std::string line;
    std::string below;
    for (const auto& [key, value] : object.items()) {
        if (has_own_lines(value)) {
            for (const auto& element : value)
                below += indent + singular(key) + object_lines(element, indent + "  ");
            continue;
        }
        line += " " + (has_label(key) ? key + "=" : "") + field_text(value);
    }
    return line + "\n" + below;
}

std::string element_lines(const Json& element) {
    return element.is_object() ? object_lines(element, "  ") : " " + word(element, "") + "\n";
}

} // namespace

std::string plan_lines(std::string_view json) {
    const auto plan = parse_ordered_json(json);
    std::string lines;
    Json rest = Json::object(); // scalars and empty lists share the last line
    for (const auto& [key, value] : plan.items()) {
        if (value.is_object())
            lines += key + object_lines(value, "  ");
        else if (value.is_array() && !value.empty())
            for (const auto& element : value)
                lines += singular(key) + element_lines(element);
        else
            rest[key] = value;
    }
    if (plan.empty())
        return "nothing to do\n";
    return rest.empty() ? lines : lines + "plan" + object_lines(rest, "  ");
}

} // namespace grapnel::test
