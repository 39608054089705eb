// SPDX-License-Identifier: Apache-2.0
#include "doctor/redact.hpp"

#include "base/text.hpp"

#include <algorithm>
#include <array>

namespace grapnel::doctor_command {

namespace {

constexpr std::string_view mark = "REDACTED";

constexpr std::array<std::string_view, 10> secret_words{
    "passw", "passphrase", "secret",  "token",   "credential",
    "auth",  "apikey",     "api-key", "api_key", "private"};

char lower(char c) {
    return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
}

/// Where a word of secrets ends; npos without one.
std::size_t end_of_secret_word(std::string_view line) {
    std::string small(line);
    std::ranges::transform(small, small.begin(), lower);
    auto first = std::string::npos;
    for (const auto word : secret_words)
        if (const auto at = small.find(word); at != std::string::npos)
            first = std::min(first, at + word.size());
    return first;
}

/// Everything behind the `=` or `:` of a key that can hold a secret; without one the rest of the
/// line, because the value can stand behind a blank.
std::string without_value(std::string_view line) {
    const auto end = end_of_secret_word(line);
    if (end == std::string_view::npos)
        return std::string(line);
    const auto sign = line.find_first_of("=: ", end);
    if (sign == std::string_view::npos)
        return std::string(line);
    return std::string(line.substr(0, sign + 1)) + std::string(mark);
}

/// Whether the line is a key that can hold a secret, without its value.
bool ends_with_key(std::string_view line) {
    const auto end = end_of_secret_word(line);
    if (end == std::string_view::npos)
        return false;
    const auto sign = line.find_first_of("=:", end);
    return sign != std::string_view::npos && trim(line.substr(sign + 1)).empty();
}

/// NAME:PASSWORD of each address.
std::string without_user_info(std::string line) {
    constexpr std::string_view begin = "://";
    for (auto at = line.find(begin); at != std::string::npos; at = line.find(begin, at + 1)) {
        const auto from = at + begin.size();
        const auto end = line.find_first_of("/ \"'", from);
        const auto sign = line.substr(from, end == std::string::npos ? end : end - from).rfind('@');
        if (sign != std::string::npos)
            line.replace(from, sign, mark);
    }
    return line;
}

} // namespace

std::string redact(std::string_view text) {
    std::string out;
    bool goes_on = false; // a key whose value stands on the next line
    for (const auto line : split(text, '\n')) {
        out += (goes_on ? std::string(mark) : without_user_info(without_value(line))) + "\n";
        goes_on = !goes_on && ends_with_key(line);
    }
    out.pop_back();
    return out;
}

} // namespace grapnel::doctor_command
