// SPDX-License-Identifier: Apache-2.0
#include "shells.hpp"

namespace grapnel::completions {

namespace {

using cmdline::Completion;
using cmdline::Value;

std::string escaped(std::string_view text, std::string_view special) {
    std::string out;
    for (const char c : text)
        out += (special.find(c) == std::string_view::npos ? "" : "\\") + std::string(1, c);
    return out;
}

std::string action(const Completion& completion) {
    switch (completion.kind) {
    case Completion::Kind::files:
        return "_files";
    case Completion::Kind::directories:
        return "_files -/";
    case Completion::Kind::words:
        return "(" + std::string(completion.words) + ")";
    case Completion::Kind::nothing:
        break;
    }
    return " ";
}

/// For _arguments. An option with a value can be given several times.
std::string option_spec(const cmdline::Option& option, const std::string& name,
                        const std::string& all_names) {
    const bool is_long = name.starts_with("--");
    auto spec = option.value == Value::none ? "(" + all_names + ")" + name : "*" + name;
    if (option.value == Value::needed)
        spec += is_long ? "=" : "+";
    else if (option.value == Value::optional)
        spec += is_long ? "=-" : "-";
    spec += "[" + escaped(option.help, "[]\\") + "]";
    if (option.value != Value::none)
        spec += (option.value == Value::optional ? "::" : ":") + escaped(option.placeholder, ":\\")
                + ":" + action(option.completion);
    return spec;
}

std::string operand_spec(const cmdline::Command& command) {
    if (command.words.empty())
        return "1:operand:" + action(command.completion);
    std::string list;
    for (const auto& word : command.words)
        list += (list.empty() ? "" : " ") + std::string(word.name)
                + "\\:" + quoted(escaped(word.help, ":\\"));
    return "1:" + std::string(command.operand) + ":((" + list + "))";
}

std::string arguments(const cmdline::Command& command, std::string_view flags) {
    std::string out = "    _arguments -s" + std::string(flags);
    const auto add = [&](const std::string& spec) { out += " \\\n        " + quoted(spec); };
    for (const auto& option : command.options) {
        const auto names = spellings(option);
        for (const auto& name : names)
            if (!option.help.empty())
                add(option_spec(option, name, joined(names, " ")));
    }
    if (!command.words.empty() || command.completion.kind != Completion::Kind::nothing)
        add(operand_spec(command));
    return out;
}

} // namespace

std::string zsh(const cmdline::Program& program) {
    const auto name = function_name(program);
    std::string out = "#compdef";
    for (const auto known : program.names)
        out += " " + std::string(known);
    out += "\n" + header(program);
    for (const auto& command : program.commands)
        out +=
            name + "_" + std::string(command.name) + "()\n{\n" + arguments(command, "") + "\n}\n";
    out += name + "()\n{\n    local curcontext=$curcontext state line\n    typeset -A opt_args\n";
    out += arguments(program.itself, program.commands.empty() ? "" : " -C");
    if (!program.commands.empty()) {
        out += " \\\n        '*::argument:->behind'\n    [[ $state == behind ]] || return\n"
               "    case $line[1] in\n    ";
        out += command_names(program, " | ") + ") " + name + "_$line[1] ;;\n    esac";
    }
    return out + "\n}\n" + name + " \"$@\"\n";
}

} // namespace grapnel::completions
