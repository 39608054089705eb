// SPDX-License-Identifier: Apache-2.0
#include "options.hpp"

#include "base/text.hpp"
#include "base/usage.hpp"
#include "cli.hpp"
#include "cmdline/help.hpp"
#include "cmdline/parse.hpp"
#include "option_table.hpp"

namespace grapnel::cli {

namespace {

using Command = Options::Command;
using cmdline::Operands;

Error wrong(const std::string& message) {
    return usage_error(message, program_name);
}

Error unknown_command(std::string_view word) {
    const auto known = program();
    std::vector<std::string_view> names{"help"};
    for (const auto& command : known.commands)
        names.push_back(command.name);
    return unknown_word("command", word, names, program_name);
}

bool is_answered(const Options& options) {
    return options.command == Command::help || options.command == Command::usage
           || options.command == Command::version;
}

Status take_operands(std::span<const std::string> operands, Options& options) {
    if (options.command == Command::configure && operands.empty())
        return wrong("ROOTFS is missing");
    if (options.command == Command::configure) {
        options.rootfs = operands.front();
        operands = operands.subspan(1);
    }
    if (!operands.empty())
        return wrong("one word too many: " + quote(operands.front()));
    return {};
}

cmdline::Command described(std::string_view name) {
    const auto all = program();
    const auto* const command = find_command(all, name);
    return command == nullptr ? all.itself : *command;
}

} // namespace

Result<Options> parse_options(std::span<const std::string> words) {
    Options options;
    const auto before = GRAPNEL_TRY(
        take_words(words, global_rows(),
                   {.program = program_name, .operands = Operands::end_options}, options));
    if (is_answered(options))
        return options;
    words = words.subspan(before.used);
    if (words.empty())
        return wrong("the command is missing");
    const auto& name = words.front();
    if (name == "help") {
        options.command = Command::help;
        return options;
    }
    const auto command = command_of(name);
    if (!command)
        return unknown_command(name);
    options.command = *command;
    const auto after = GRAPNEL_TRY(
        take_words(words.subspan(1), rows_of(*command),
                   {.program = program_name, .operands = Operands::are_mixed}, options));
    if (is_answered(options)) {
        options.help_of = name;
        return options;
    }
    GRAPNEL_TRY(take_operands(after.operands, options));
    return options;
}

std::string usage(std::string_view command) {
    return cmdline::usage(described(command));
}

std::string help(std::string_view command) {
    return cmdline::help(described(command));
}

} // namespace grapnel::cli
