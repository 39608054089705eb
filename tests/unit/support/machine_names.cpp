// SPDX-License-Identifier: Apache-2.0
#include "support/machine_names.hpp"

#include "base/text.hpp"

#include <algorithm>
#include <array>
#include <string_view>
#include <utility>
#include <vector>

namespace grapnel::test {

namespace {

using Name = std::pair<std::string_view, std::string_view>;

#if defined(__x86_64__)
constexpr std::array<Name, 0> names{};
#else
constexpr std::array<Name, 3> names{{
    {"x86_64", "aarch64"},
    {"i386-linux-gnu", "arm-linux-gnueabihf"},
    {"nvidia_icd.i686", "nvidia_icd.armv7hl"},
}};
#endif

std::vector<std::string_view> sorted_lines(std::string_view text) {
    auto lines = split(text, '\n');
    std::ranges::sort(lines);
    return lines;
}

} // namespace

std::string with_names_of_this_machine(std::string text) {
    for (const auto& [theirs, ours] : names)
        for (auto at = text.find(theirs); at != text.npos; at = text.find(theirs, at + ours.size()))
            text.replace(at, theirs.size(), ours);
    return text;
}

bool is_same_on_this_machine(const std::string& expected, const std::string& found) {
    return expected == found || (!names.empty() && sorted_lines(expected) == sorted_lines(found));
}

} // namespace grapnel::test
