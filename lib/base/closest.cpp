// SPDX-License-Identifier: Apache-2.0
#include "base/closest.hpp"

#include "base/text.hpp"

#include <algorithm>
#include <array>
#include <numeric>

namespace grapnel {

namespace {

constexpr std::size_t most_letters = 64;

char folded(char c) {
    if (c == '_')
        return '-';
    return c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c;
}

} // namespace

/// Optimal string alignment, row by row.
std::size_t edit_distance(std::string_view a, std::string_view b) {
    a = a.substr(0, most_letters);
    b = b.substr(0, most_letters);
    std::array<std::array<std::size_t, most_letters + 1>, 3> rows{};
    std::iota(rows[0].begin(), rows[0].end(), std::size_t{0});
    for (std::size_t i = 1; i <= a.size(); ++i) {
        auto& row = rows[i % 3];
        const auto& above = rows[(i + 2) % 3];
        const auto& two_above = rows[(i + 1) % 3];
        row[0] = i;
        for (std::size_t j = 1; j <= b.size(); ++j) {
            const auto is = [&](std::size_t x, std::size_t y) {
                return folded(a[x - 1]) == folded(b[y - 1]);
            };
            row[j] = std::min({above[j] + 1, row[j - 1] + 1, above[j - 1] + (is(i, j) ? 0U : 1U)});
            if (i > 1 && j > 1 && is(i, j - 1) && is(i - 1, j))
                row[j] = std::min(row[j], two_above[j - 2] + 1);
        }
    }
    return rows[a.size() % 3][b.size()];
}

bool is_slip(std::size_t distance, std::size_t size) {
    return distance <= std::max<std::size_t>(1, size / 3);
}

std::string suggestion(std::string_view word, std::span<const std::string_view> known) {
    const auto distance = [&](std::string_view other) { return edit_distance(word, other); };
    const auto closest = std::ranges::min_element(known, {}, distance);
    if (closest == known.end() || !is_slip(distance(*closest), closest->size()))
        return {};
    return "did you mean " + quote(*closest) + "?";
}

} // namespace grapnel
