// SPDX-License-Identifier: Apache-2.0
// Untrusted text: numbers read with bounds, lists split, strings made fit to be printed.
#pragma once

#include <array>
#include <charconv>
#include <concepts>
#include <limits>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace grapnel {

/// The whole of `text` as a number of type T in `base` (no sign, blank or prefix for unsigned
/// types), or nothing if it is anything else or does not fit.
template <typename T>
[[nodiscard]] std::optional<T> parse_number(std::string_view text, int base = 10) {
    T value{};
    const char* end = text.data() + text.size();
    const auto [stopped, error] = std::from_chars(text.data(), end, value, base);
    if (error != std::errc{} || stopped != end || text.empty())
        return std::nullopt;
    return value;
}

/// Adds `number` to `text`, in `base` and without a prefix. For numbers by the hundred:
/// format_text() takes twice as long.
template <std::integral T>
void append_number(std::string& text, T number, int base = 10) {
    std::array<char, std::numeric_limits<T>::digits + 1> digits{}; // and a sign
    const auto end = std::to_chars(digits.begin(), digits.end(), number, base).ptr;
    text.append(digits.begin(), end);
}

/// `text` with everything that is not printable ASCII escaped: safe for a terminal and a log
/// whatever an image put there.
[[nodiscard]] std::string printable(std::string_view text);

/// The longest line that a program writes for a person, without the beginning that the log adds.
inline constexpr std::size_t line_limit = 4096;

/// `text` printable and of at most `limit` bytes: of a longer text the middle is cut out, because
/// a message begins with the failing object and ends with the cure.
[[nodiscard]] std::string fit_line(std::string_view text, std::size_t limit = line_limit);

/// `text` between single quotes, printable, cut after 200 characters.
[[nodiscard]] std::string quote(std::string_view text);

/// `text` without ASCII white space at its ends.
[[nodiscard]] std::string_view trim(std::string_view text);

/// The parts of `text` between `separator`s, untrimmed; one empty part for an empty text.
[[nodiscard]] std::vector<std::string_view> split(std::string_view text, char separator);

/// split at ',', trimmed, empty parts dropped.
[[nodiscard]] std::vector<std::string> comma_list(std::string_view text);

/// Comparison without regard to ASCII case, in no locale.
[[nodiscard]] bool equal_ignoring_case(std::string_view a, std::string_view b);

/// "a, b and c".
[[nodiscard]] std::string enumerate(const std::vector<std::string>& items);

} // namespace grapnel
