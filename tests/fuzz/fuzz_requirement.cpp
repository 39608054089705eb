// SPDX-License-Identifier: Apache-2.0
// The constraint language. Input: a line with facts, "CUDA DRIVER ARCH BRAND" (a word that is
// no version stands for an unknown fact), then a requirement.
#include "base/text.hpp"
#include "fuzz.hpp"
#include "request/requirement.hpp"

#include <array>

using namespace grapnel;
using fuzz::expect;

namespace {

using Operator = Condition::Operator;

constexpr std::array<std::string_view, 4> property_names{"cuda", "driver", "arch", "brand"};
constexpr std::array<std::string_view, 6> operator_names{"=", "!=", "<", "<=", ">", ">="};

DriverFacts facts_of(std::string_view line) {
    auto words = split(line, ' ');
    words.resize(4);
    DriverFacts facts{.cuda = Version::parse(words[0]),
                      .driver = Version::parse(words[1]),
                      .arch = Version::parse(words[2])};
    if (!words[3].empty() && words[3] != "?")
        facts.brand = words[3];
    return facts;
}

/// The grammar of requirement.hpp once more, read from left to right.
bool is_condition(std::string_view text) {
    const auto name = text.substr(0, text.find_first_of("!=<>"));
    text.remove_prefix(name.size());
    const auto property = std::ranges::find_if(
        property_names, [&](auto known) { return equal_ignoring_case(known, name); });
    if (property == property_names.end() || text.empty())
        return false;
    const bool orders = text.front() == '<' || text.front() == '>';
    const bool two = text.front() != '=' && text.size() > 1 && text[1] == '=';
    text.remove_prefix(two ? 2 : 1);
    if (*property == "brand")
        return !orders && !text.empty() && text.find_first_of("!<>=") == std::string_view::npos;
    return !text.empty() && Version::parse(text).has_value();
}

bool is_requirement(std::string_view text) {
    return std::ranges::all_of(split(text, ' '), [](std::string_view alternative) {
        return alternative.empty() || std::ranges::all_of(split(alternative, ','), is_condition);
    });
}

std::string rendered(const Requirement& requirement) {
    std::string out;
    for (const auto& alternative : requirement.alternatives) {
        for (const auto& condition : alternative)
            out += std::string(property_names.at(static_cast<std::size_t>(condition.property)))
                   + std::string(operator_names.at(static_cast<std::size_t>(condition.relation)))
                   + condition.value + ",";
        out.back() = ' ';
    }
    return out;
}

Operator opposite(Operator relation) {
    switch (relation) {
    case Operator::equal:
        return Operator::unequal;
    case Operator::unequal:
        return Operator::equal;
    case Operator::less:
        return Operator::at_least;
    case Operator::at_most:
        return Operator::greater;
    case Operator::greater:
        return Operator::at_most;
    case Operator::at_least:
        return Operator::less;
    }
    std::abort();
}

void expect_opposites(const Requirement& requirement, const DriverFacts& facts) {
    for (const auto& alternative : requirement.alternatives)
        for (const auto& condition : alternative) {
            auto other = condition;
            other.relation = opposite(condition.relation);
            const auto one = evaluate(Requirement{.alternatives = {{condition}}}, facts);
            const auto two = evaluate(Requirement{.alternatives = {{other}}}, facts);
            expect(one == Verdict::undecided ? two == one : two != one && two != Verdict::undecided,
                   "a condition and its opposite are not both met");
        }
}

void expect_less_known_decides_less(const Requirement& requirement, const DriverFacts& facts) {
    const auto verdict = evaluate(requirement, facts);
    for (const unsigned forgotten : {1U, 2U, 4U, 8U, 15U}) {
        auto fewer = facts;
        if ((forgotten & 1U) != 0)
            fewer.cuda.reset();
        if ((forgotten & 2U) != 0)
            fewer.driver.reset();
        if ((forgotten & 4U) != 0)
            fewer.arch.reset();
        if ((forgotten & 8U) != 0)
            fewer.brand.reset();
        const auto less = evaluate(requirement, fewer);
        expect(less == verdict || less == Verdict::undecided, "forgetting a fact turns no verdict");
    }
}

} // namespace

int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    auto text = fuzz::as_text(data, size);
    const auto facts = facts_of(fuzz::take_line(text));
    const auto requirement = parse_requirement(text);
    expect(requirement.has_value() == is_requirement(text),
           "what is read is what the grammar says");
    if (!requirement) {
        fuzz::expect_printable(requirement.error());
        return 0;
    }
    expect(requirement->text == text, "a requirement keeps its text");
    const auto again = parse_requirement(rendered(*requirement));
    expect(again && again->alternatives == requirement->alternatives,
           "a requirement survives being written");
    const bool empty = requirement->alternatives.empty();
    expect(evaluate(*requirement, {}) == (empty ? Verdict::met : Verdict::undecided),
           "where nothing is known only the empty requirement is met");
    expect_opposites(*requirement, facts);
    expect_less_known_decides_less(*requirement, facts);
    return 0;
}
