// SPDX-License-Identifier: Apache-2.0
#include "doctor/finding.hpp"

#include "base/format.hpp"
#include "base/text.hpp"

#include <algorithm>

namespace grapnel::doctor_command {

namespace {

constexpr std::string_view prefix = "GR";

std::optional<std::uint16_t> number_in(std::string_view word) {
    if (word.size() <= prefix.size() || !equal_ignoring_case(word.substr(0, prefix.size()), prefix))
        return std::nullopt;
    return parse_number<std::uint16_t>(word.substr(prefix.size()));
}

} // namespace

const Page& page_of(Code code) {
    return *std::ranges::lower_bound(pages, static_cast<std::uint16_t>(code), {}, &Page::number);
}

const Page* find_page(std::string_view code) {
    const auto number = number_in(code);
    const auto* const found =
        number ? std::ranges::find(pages, *number, &Page::number) : pages.end();
    return found == pages.end() ? nullptr : found;
}

std::string name_of(const Page& page) {
    return format_text("{}{:04}", prefix, page.number);
}

std::string_view name_of(Severity severity) {
    return severity == Severity::error ? "error" : "warning";
}

} // namespace grapnel::doctor_command
