// SPDX-License-Identifier: Apache-2.0
#include "look.hpp"

#include "base/text.hpp"
#include "base/usage.hpp"
#include "cmdline/help.hpp"
#include "cmdline/parse.hpp"

#include <functional>

namespace grapnel {

namespace {

std::string name_of(const LookCommand& command) {
    return "grapnel " + std::string(command.command.name);
}

int read_words(const LookCommand& command, std::span<const std::string> words,
               const std::function<int(const LookArguments&)>& work) {
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
    return work(arguments);
}

} // namespace

int look(const LookCommand& command, std::span<const std::string> words, LookWork& work) {
    return read_words(command, words, [&](const auto& given) { return finish(work(given)); });
}

int look_at_host(const LookCommand& command, std::span<const std::string> words, LookWork& work,
                 int more_ms) {
    return read_words(command, words, [&](const auto& given) {
        return within_time_limit([&] { return finish(work(given)); }, more_ms);
    });
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
