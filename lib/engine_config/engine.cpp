// SPDX-License-Identifier: Apache-2.0
#include "engine_config/engine.hpp"

#include "base/text.hpp"

#include <algorithm>

namespace grapnel::engine_config {

namespace {

bool is_alphanumeric(char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
}

} // namespace

Status check_runtime_name(std::string_view name) {
    if (name == "runc" || name == "crun")
        return refused("the name " + quote(name) + " is that of the runtime beneath",
                       "choose another, such as nvidia");
    const bool plain = std::ranges::all_of(
        name, [](char c) { return is_alphanumeric(c) || c == '.' || c == '_' || c == '-'; });
    if (name.empty() || name.size() > 64 || !plain || !is_alphanumeric(name.front()))
        return refused("a runtime cannot be called " + quote(name),
                       "use letters, digits, '.', '_' and '-'");
    return {};
}

Status check_path(std::string_view path) {
    constexpr std::string_view special = "\"'\\*?[]";
    const bool odd = std::ranges::any_of(
        path, [&](char c) { return c < 0x20 || c > 0x7e || special.find(c) != special.npos; });
    if (odd)
        return refused("the path " + quote(path) + " cannot stand in a configuration file",
                       "choose one without quotes, backslashes, '*', '?', '[' and ']'");
    return {};
}

bool is_made_by_grapnel(std::string_view text) {
    return text.starts_with(made_by_grapnel);
}

std::string_view line_end_of(std::string_view text) {
    const auto first = text.find('\n');
    return first != text.npos && first > 0 && text[first - 1] == '\r' ? "\r\n" : "\n";
}

} // namespace grapnel::engine_config
