// SPDX-License-Identifier: Apache-2.0
#include "base/format.hpp"
#include "base/text.hpp"
#include "doctor/finding.hpp"
#include "look.hpp"

namespace grapnel {

namespace {

Status print_page(const doctor_command::Page& page) {
    return say(format_text("{}: {}\n\n{}: {}\n", doctor_command::name_of(page), page.title,
                           doctor_command::name_of(page.severity), page.text));
}

Status run(const LookArguments& arguments) {
    const auto& operands = arguments.operands;
    if (operands.empty())
        return wrong_operand(explain_command(), "the code of a finding is missing");
    if (operands.size() > 1)
        return wrong_operand(explain_command(), "one word too many: " + quote(operands[1]));
    if (const auto* const page = doctor_command::find_page(operands.front()))
        return print_page(*page);
    return wrong_operand(explain_command(), "there is no finding " + quote(operands.front()));
}

} // namespace

int explain(std::span<const std::string> words) {
    return look(explain_command(), words, run);
}

} // namespace grapnel
