// SPDX-License-Identifier: Apache-2.0
#include "toml/depth.hpp"

#include <algorithm>
#include <optional>
#include <string>

namespace grapnel {

std::size_t toml_string_end(std::string_view text, std::size_t at) {
    const char mark = text[at];
    const std::string_view three = mark == '"' ? "\"\"\"" : "'''";
    const bool lines = text.substr(at).starts_with(three);
    at += lines ? 3 : 1;
    while (at < text.size()) {
        if (mark == '"' && text[at] == '\\') {
            at += 2;
            continue;
        }
        if (!lines && text[at] == mark)
            return at + 1;
        if (lines && text.substr(at).starts_with(three)) {
            // up to two quotes can stand before the three that end it
            at += 3;
            while (at < text.size() && text[at] == mark)
                ++at;
            return at;
        }
        ++at;
    }
    return text.size();
}

namespace {

constexpr std::size_t level_limit = 32;

std::optional<std::size_t> find_too_deep(std::string_view text) {
    std::size_t brackets = 0;
    std::size_t dots = 0;
    for (std::size_t at = 0; at < text.size();) {
        const char c = text[at];
        if (brackets > level_limit || dots >= level_limit)
            return at;
        if (c == '"' || c == '\'') {
            at = toml_string_end(text, at);
            continue;
        }
        if (c == '#') {
            at = std::min(text.find('\n', at), text.size());
            continue;
        }
        ++at;
        if (c == '.')
            ++dots;
        else if (c == '\n' || c == '=' || c == ',')
            dots = 0;
        else if (c == '[' || c == '{')
            ++brackets;
        else if ((c == ']' || c == '}') && brackets > 0)
            --brackets;
    }
    return std::nullopt;
}

} // namespace

Status check_toml_depth(std::string_view text, std::string_view name) {
    const auto at = find_too_deep(text);
    if (!at)
        return {};
    const auto line = 1 + std::ranges::count(text.substr(0, *at), '\n');
    return refused(std::string(name) + ":" + std::to_string(line) + ": tables nest deeper than "
                   + std::to_string(level_limit) + " levels");
}

} // namespace grapnel
