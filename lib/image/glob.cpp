// SPDX-License-Identifier: Apache-2.0
#include "image/glob.hpp"

#include <algorithm>

namespace grapnel::image {

namespace {

/// Of the set that begins with '[': its length in the pattern, and whether it holds `c`. Length 0:
/// the bracket is never closed, and stands for itself.
struct Set {
    std::size_t length = 0;
    bool holds = false;
};

Set look_into_set(std::string_view pattern, char c) {
    std::size_t at = 1;
    const bool negated = pattern.size() > at && (pattern[at] == '!' || pattern[at] == '^');
    at += negated ? 1 : 0;
    bool found = false;
    for (bool first = true; at < pattern.size(); first = false) {
        if (pattern[at] == ']' && !first)
            return {at + 1, found != negated};
        if (pattern[at] == '\\' && at + 1 < pattern.size())
            ++at;
        const char from = pattern[at++];
        const bool is_range =
            at + 1 < pattern.size() && pattern[at] == '-' && pattern[at + 1] != ']';
        const char to = is_range ? pattern[at + 1] : from;
        at += is_range ? 2 : 0;
        found = found || (from <= c && c <= to);
    }
    return {};
}

/// How much of the pattern's beginning stands for `c`; 0 if it stands for another character.
std::size_t fits_one(std::string_view pattern, char c, std::size_t& steps) {
    if (pattern.empty())
        return 0;
    if (pattern.front() == '?')
        return 1;
    if (pattern.front() == '[') {
        steps -= std::min(steps, pattern.size());
        if (const auto set = look_into_set(pattern, c); set.length != 0)
            return set.holds ? set.length : 0;
    }
    if (pattern.front() == '\\')
        return pattern.size() > 1 && pattern[1] == c ? 2 : 0;
    return pattern.front() == c ? 1 : 0;
}

} // namespace

bool fits_pattern(std::string_view pattern, std::string_view name, std::size_t& steps) {
    if (name.starts_with('.') && !pattern.starts_with('.') && !pattern.starts_with("\\."))
        return false;
    std::string_view after_star;
    std::string_view retry; // of the name, where the last star ends
    bool has_star = false;
    while (!name.empty()) {
        if (steps == 0)
            return false;
        --steps;
        if (pattern.starts_with('*')) {
            pattern.remove_prefix(1);
            after_star = pattern;
            retry = name;
            has_star = true;
        } else if (const auto length = fits_one(pattern, name.front(), steps); length != 0) {
            pattern.remove_prefix(length);
            name.remove_prefix(1);
        } else if (has_star) {
            retry.remove_prefix(1);
            name = retry;
            pattern = after_star;
        } else {
            return false;
        }
    }
    return pattern.find_first_not_of('*') == std::string_view::npos;
}

} // namespace grapnel::image
