// SPDX-License-Identifier: Apache-2.0
#include "request/requirement.hpp"

#include "base/text.hpp"

#include <algorithm>
#include <array>

namespace grapnel {

namespace {

using Property = Condition::Property;
using Operator = Condition::Operator;

constexpr std::array<std::pair<std::string_view, Property>, 4> properties{{
    {"cuda", Property::cuda},
    {"driver", Property::driver},
    {"arch", Property::arch},
    {"brand", Property::brand},
}};

/// A spelling stands before any other that it begins with.
constexpr std::array<std::pair<std::string_view, Operator>, 7> operators{{
    {"!=", Operator::unequal},
    {"!", Operator::unequal},
    {"<=", Operator::at_most},
    {"<", Operator::less},
    {">=", Operator::at_least},
    {">", Operator::greater},
    {"=", Operator::equal},
}};

Error bad(std::string_view condition, std::string_view why) {
    return refused(quote(condition) + " " + std::string(why),
                   "a condition reads like cuda>=12.4, driver<580 or brand=tesla");
}

Result<Condition> parse_condition(std::string_view text) {
    const auto name_end = text.find_first_of("!<>=");
    if (name_end == std::string_view::npos)
        return bad(text, "has no operator");
    const auto name = text.substr(0, name_end);
    const auto rest = text.substr(name_end);
    const auto* const property = std::ranges::find_if(
        properties, [&](const auto& entry) { return equal_ignoring_case(entry.first, name); });
    if (property == properties.end())
        return bad(text, "has an unknown property");
    const auto* const relation = std::ranges::find_if(
        operators, [&](const auto& entry) { return rest.starts_with(entry.first); });
    Condition condition{.property = property->second, .relation = relation->second};
    condition.value = rest.substr(relation->first.size());
    if (condition.value.empty())
        return bad(text, "has no value");
    if (condition.property == Property::brand) {
        if (condition.value.find_first_of("!<>=") != std::string::npos)
            return bad(text, "has an unknown operator");
        if (condition.relation != Operator::equal && condition.relation != Operator::unequal)
            return bad(text, "orders brands, which have no order");
        return condition;
    }
    const auto version = Version::parse(condition.value);
    if (!version)
        return bad(text, "compares with something that is not a version");
    condition.version = *version;
    return condition;
}

bool holds(std::strong_ordering order, Operator relation) {
    switch (relation) {
    case Operator::equal:
        return order == 0;
    case Operator::unequal:
        return order != 0;
    case Operator::less:
        return order < 0;
    case Operator::at_most:
        return order <= 0;
    case Operator::greater:
        return order > 0;
    case Operator::at_least:
        return order >= 0;
    }
    return false;
}

Verdict verdict(bool met) {
    return met ? Verdict::met : Verdict::unmet;
}

Verdict evaluate(const Condition& condition, const std::optional<Version>& fact) {
    if (!fact)
        return Verdict::undecided;
    return verdict(holds(*fact <=> condition.version, condition.relation));
}

Verdict evaluate(const Condition& condition, const DriverFacts& facts) {
    switch (condition.property) {
    case Property::cuda:
        return evaluate(condition, facts.cuda);
    case Property::driver:
        return evaluate(condition, facts.driver);
    case Property::arch:
        return facts.without_gpu ? Verdict::met : evaluate(condition, facts.arch);
    case Property::brand:
        if (facts.without_gpu)
            return Verdict::met;
        if (!facts.brand)
            return Verdict::undecided;
        return verdict(equal_ignoring_case(*facts.brand, condition.value)
                       == (condition.relation == Operator::equal));
    }
    return Verdict::undecided;
}

/// All must hold: one that does not decides, one that is undecided leaves the rest so.
Verdict evaluate(const std::vector<Condition>& alternative, const DriverFacts& facts) {
    auto result = Verdict::met;
    for (const auto& condition : alternative) {
        const auto one = evaluate(condition, facts);
        if (one == Verdict::unmet)
            return one;
        if (one == Verdict::undecided)
            result = one;
    }
    return result;
}

} // namespace

Result<Requirement> parse_requirement(std::string_view text) {
    Requirement requirement{.text = std::string(text)};
    for (const auto alternative : split(text, ' ')) {
        if (alternative.empty())
            continue;
        auto& conditions = requirement.alternatives.emplace_back();
        for (const auto condition : split(alternative, ','))
            conditions.push_back(GRAPNEL_TRY(parse_condition(condition)));
    }
    return requirement;
}

Verdict evaluate(const Requirement& requirement, const DriverFacts& facts) {
    auto result = requirement.alternatives.empty() ? Verdict::met : Verdict::unmet;
    for (const auto& alternative : requirement.alternatives) {
        const auto one = evaluate(alternative, facts);
        if (one == Verdict::met)
            return one;
        if (one == Verdict::undecided)
            result = one;
    }
    return result;
}

} // namespace grapnel
