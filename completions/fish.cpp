// SPDX-License-Identifier: Apache-2.0
#include "shells.hpp"

namespace grapnel::completions {

namespace {

using cmdline::Completion;
using cmdline::Value;

std::string values(const Completion& completion) {
    switch (completion.kind) {
    case Completion::Kind::files:
        return " --force-files";
    case Completion::Kind::directories:
        return " --no-files --arguments '(__fish_complete_directories)'";
    case Completion::Kind::words:
        return " --no-files --arguments " + quoted(completion.words);
    case Completion::Kind::nothing:
        break;
    }
    return " --no-files";
}

/// Where a command's options and words belong.
std::string condition(const cmdline::Program& program, const cmdline::Command& command) {
    if (program.commands.empty())
        return "";
    const auto seen =
        "__fish_seen_subcommand_from "
        + (command.name.empty() ? command_names(program, " ") : std::string(command.name));
    return " --condition " + quoted(command.name.empty() ? "not " + seen : seen);
}

std::string option_line(const cmdline::Option& option) {
    std::string out;
    if (option.letter != '\0')
        out += std::string(" --short-option ") + option.letter;
    out += " --long-option " + std::string(option.name);
    if (option.value == Value::needed)
        out += " --require-parameter" + values(option.completion);
    return out + " --description " + quoted(option.help);
}

std::string lines(const std::string& begin, const cmdline::Command& part) {
    std::string out;
    for (const auto& word : part.words)
        out += begin + " --no-files --arguments " + std::string(word.name) + " --description "
               + quoted(word.help) + "\n";
    if (part.words.empty() && part.completion.kind != Completion::Kind::nothing)
        out += begin + values(part.completion) + "\n";
    for (const auto& option : part.options)
        if (!option.help.empty())
            out += begin + option_line(option) + "\n";
    return out;
}

} // namespace

std::string fish(const cmdline::Program& program) {
    std::string out = header(program);
    for (const auto name : program.names) {
        const auto begin = "complete --command " + std::string(name);
        out += begin + " --no-files\n";
        for (const auto& part : parts(program))
            out += lines(begin + condition(program, part), part);
    }
    return out;
}

} // namespace grapnel::completions
