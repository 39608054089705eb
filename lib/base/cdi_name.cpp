// SPDX-License-Identifier: Apache-2.0
#include "base/cdi_name.hpp"

#include <algorithm>

namespace grapnel {

namespace {

bool is_letter(char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

bool is_part(std::string_view text) {
    return !text.empty() && is_letter(text.front()) && std::ranges::all_of(text, [](char c) {
        return is_letter(c) || (c >= '0' && c <= '9') || c == '_' || c == '-' || c == '.';
    });
}

} // namespace

bool is_cdi_kind(std::string_view text) {
    const auto slash = text.find('/');
    return slash != std::string_view::npos && is_part(text.substr(0, slash))
           && is_part(text.substr(slash + 1));
}

std::optional<CdiName> parse_cdi_name(std::string_view word) {
    const auto equals = word.find('=');
    if (equals == std::string_view::npos || equals + 1 == word.size())
        return std::nullopt;
    const auto kind = word.substr(0, equals);
    if (!is_cdi_kind(kind))
        return std::nullopt;
    const auto slash = kind.find('/');
    return CdiName{.vendor = kind.substr(0, slash),
                   .device_class = kind.substr(slash + 1),
                   .device = word.substr(equals + 1)};
}

} // namespace grapnel
