// SPDX-License-Identifier: Apache-2.0
#include "look.hpp"

#include "base/text.hpp"
#include "base/usage.hpp"
#include "cmdline/help.hpp"
#include "cmdline/parse.hpp"

namespace grapnel {

namespace {

std::string name_of(const LookCommand& command) {
    return "grapnel " + std::string(command.command.name);
}

} // namespace

int look(const LookCommand& command, std::span<const std::string> words, LookWork& work) {
    const auto name = name_of(command);
    const cmdline::Grammar grammar{.program = name, .operands = cmdline::Operands::are_mixed};
    LookArguments arguments;
    auto parsed = cmdline::take_words(words, command.rows, grammar, arguments.options);
    if (!parsed)
        return wrong_usage(parsed.error());
    arguments.operands = std::move(parsed->operands);
    const auto& operands = arguments.operands;
    if (arguments.options.help || (operands.size() == 1 && operands.front() == "help"))
        return answer(cmdline::help(command.command));
    return finish(work(arguments));
}

Error wrong_operand(const LookCommand& command, std::string what) {
    return usage_error(std::move(what), name_of(command));
}

Status check_no_operand(const LookCommand& command, const LookArguments& arguments) {
    if (arguments.operands.empty())
        return {};
    return wrong_operand(command, "one word too many: " + quote(arguments.operands.front()));
}

} // namespace grapnel
