// SPDX-License-Identifier: Apache-2.0
#include "engine_config/diff.hpp"

#include "base/format.hpp"

#include <algorithm>

namespace grapnel::engine_config {

namespace {

constexpr std::size_t around = 3;
/// Entries of the table of common lines; a larger file counts as changed as a whole.
constexpr std::size_t table_limit = std::size_t{1} << 22;

using Lines = std::vector<std::string_view>;

/// With their line ends.
Lines lines_of(std::string_view text) {
    Lines lines;
    while (!text.empty()) {
        const auto length = std::min(text.find('\n'), text.size() - 1) + 1;
        lines.push_back(text.substr(0, length));
        text.remove_prefix(length);
    }
    return lines;
}

/// A line of the result: ' ' in both, '-' in the first, '+' in the second.
struct Step {
    char kind = ' ';
    std::string_view line = {};
};

void append(std::vector<Step>& steps, char kind, const Lines& lines, std::size_t from,
            std::size_t to) {
    for (; from < to; ++from)
        steps.push_back({kind, lines[from]});
}

/// By the longest common subsequence, without the common lines at both ends.
std::vector<Step> steps_between(const Lines& a, const Lines& b) {
    std::size_t head = 0;
    while (head < a.size() && head < b.size() && a[head] == b[head])
        ++head;
    std::size_t tail = 0;
    while (tail < a.size() - head && tail < b.size() - head
           && a[a.size() - 1 - tail] == b[b.size() - 1 - tail])
        ++tail;
    const auto a_end = a.size() - tail;
    const auto b_end = b.size() - tail;
    const auto width = b_end - head + 1;
    std::vector<Step> steps;
    append(steps, ' ', a, 0, head);
    auto i = head;
    auto j = head;
    if ((a_end - head + 1) <= table_limit / width) {
        std::vector<std::size_t> common((a_end - head + 1) * width);
        const auto at = [&](std::size_t x, std::size_t y) -> std::size_t& {
            return common[(x - head) * width + (y - head)];
        };
        for (auto x = a_end; x-- > head;)
            for (auto y = b_end; y-- > head;)
                at(x, y) =
                    a[x] == b[y] ? at(x + 1, y + 1) + 1 : std::max(at(x + 1, y), at(x, y + 1));
        while (i < a_end && j < b_end) {
            if (a[i] == b[j]) {
                steps.push_back({' ', a[i++]});
                ++j;
            } else if (at(i + 1, j) >= at(i, j + 1)) {
                steps.push_back({'-', a[i++]});
            } else {
                steps.push_back({'+', b[j++]});
            }
        }
    }
    append(steps, '-', a, i, a_end);
    append(steps, '+', b, j, b_end);
    append(steps, ' ', a, a_end, a.size());
    return steps;
}

std::size_t count(const std::vector<Step>& steps, std::size_t from, std::size_t to, char other) {
    return static_cast<std::size_t>(
        std::count_if(steps.begin() + static_cast<std::ptrdiff_t>(from),
                      steps.begin() + static_cast<std::ptrdiff_t>(to),
                      [&](const Step& step) { return step.kind != other; }));
}

/// An empty range is named by the line before it.
std::string range(std::size_t before, std::size_t length) {
    const auto first = length == 0 ? before : before + 1;
    return length == 1 ? std::to_string(first) : format_text("{},{}", first, length);
}

std::string hunk(const std::vector<Step>& steps, std::size_t from, std::size_t to) {
    auto out = format_text("@@ -{} +{} @@\n",
                           range(count(steps, 0, from, '+'), count(steps, from, to, '+')),
                           range(count(steps, 0, from, '-'), count(steps, from, to, '-')));
    for (auto at = from; at < to; ++at) {
        out += steps[at].kind + std::string(steps[at].line);
        if (!steps[at].line.ends_with('\n'))
            out += "\n\\ No newline at end of file\n";
    }
    return out;
}

} // namespace

std::string unified_diff(std::string_view path, const Text& before, const Text& after) {
    if (before == after)
        return {};
    const auto name = [&](const Text& text) { return text ? std::string(path) : "/dev/null"; };
    auto out = "--- " + name(before) + "\n+++ " + name(after) + "\n";
    const auto old_text = before.value_or("");
    const auto new_text = after.value_or("");
    const auto steps = steps_between(lines_of(old_text), lines_of(new_text));
    for (std::size_t at = 0; at < steps.size(); ++at) {
        if (steps[at].kind == ' ')
            continue;
        const auto from = at < around ? 0 : at - around;
        auto to = at;
        // changes with no more than six lines between them are one hunk
        for (auto look = at; look < steps.size() && look <= to + 2 * around; ++look)
            if (steps[look].kind != ' ')
                to = look;
        out += hunk(steps, from, std::min(to + 1 + around, steps.size()));
        at = to;
    }
    return out;
}

} // namespace grapnel::engine_config
