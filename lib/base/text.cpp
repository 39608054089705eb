// SPDX-License-Identifier: Apache-2.0
#include "base/text.hpp"

#include "base/format.hpp"

#include <algorithm>

namespace grapnel {

std::string printable(std::string_view text) {
    std::string out;
    for (const char c : text) {
        const auto byte = static_cast<unsigned char>(c);
        if (byte < 0x20 || byte > 0x7e)
            out += format_text("\\x{:02x}", byte);
        else
            out += c;
    }
    return out;
}

std::string fit_line(std::string_view text, std::size_t limit) {
    constexpr std::string_view gap = "...";
    if (text.size() <= limit)
        if (auto whole = printable(text); whole.size() <= limit)
            return whole;
    const auto most = std::min(text.size(), limit);
    const auto tail = limit / 3;
    const auto beginning = printable(text.substr(0, most)).substr(0, limit - gap.size() - tail);
    const auto end = printable(text.substr(text.size() - most));
    return beginning + std::string(gap) + end.substr(end.size() - std::min(tail, end.size()));
}

std::string quote(std::string_view text) {
    constexpr std::size_t most = 200;
    return "'" + printable(text.substr(0, most)) + (text.size() > most ? "...'" : "'");
}

std::string_view trim(std::string_view text) {
    constexpr auto blanks = " \t\r\n\v\f";
    const auto first = text.find_first_not_of(blanks);
    if (first == std::string_view::npos)
        return {};
    return text.substr(first, text.find_last_not_of(blanks) - first + 1);
}

std::vector<std::string_view> split(std::string_view text, char separator) {
    std::vector<std::string_view> parts;
    for (;;) {
        const auto at = text.find(separator);
        parts.push_back(text.substr(0, at));
        if (at == std::string_view::npos)
            return parts;
        text.remove_prefix(at + 1);
    }
}

std::vector<std::string> comma_list(std::string_view text) {
    std::vector<std::string> items;
    for (const auto part : split(text, ','))
        if (const auto item = trim(part); !item.empty())
            items.emplace_back(item);
    return items;
}

bool equal_ignoring_case(std::string_view a, std::string_view b) {
    const auto lower = [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c; };
    return std::ranges::equal(a, b, {}, lower, lower);
}

std::string enumerate(const std::vector<std::string>& items) {
    std::string out;
    for (std::size_t i = 0; i < items.size(); ++i) {
        if (i != 0)
            out += i + 1 == items.size() ? " and " : ", ";
        out += items[i];
    }
    return out;
}

} // namespace grapnel
