// SPDX-License-Identifier: Apache-2.0
#include "yaml/scalar.hpp"

#include "base/text.hpp"

#include <algorithm>
#include <cstdint>
#include <optional>
#include <string_view>

namespace grapnel {

namespace {

bool is_any(std::string_view text, std::initializer_list<std::string_view> words) {
    return std::ranges::find(words, text) != words.end();
}

/// A sign stands before decimal digits alone.
std::optional<std::int64_t> whole_number(std::string_view text) {
    const auto digits = [&](std::size_t prefix, int base) {
        const auto value = parse_number<std::uint32_t>(text.substr(prefix), base);
        return value ? std::optional<std::int64_t>(*value) : std::nullopt;
    };
    if (text.starts_with("0x"))
        return digits(2, 16);
    if (text.starts_with("0o"))
        return digits(2, 8);
    if (text.starts_with('0') && text.size() > 1)
        return digits(1, 8);
    return text.starts_with('+') ? digits(1, 10) : parse_number<std::int64_t>(text);
}

} // namespace

nlohmann::json yaml_plain_scalar(const std::string& text) {
    if (is_any(text, {"", "~", "null", "Null", "NULL"}))
        return nullptr;
    if (is_any(text, {"true", "True", "TRUE"}))
        return true;
    if (is_any(text, {"false", "False", "FALSE"}))
        return false;
    if (const auto value = whole_number(text))
        return *value < 0 ? nlohmann::json(*value)
                          : nlohmann::json(static_cast<std::uint64_t>(*value));
    return text;
}

} // namespace grapnel
