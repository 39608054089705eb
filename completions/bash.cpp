// SPDX-License-Identifier: Apache-2.0
// bash splits --name=VALUE in three words, "--name", "=" and "VALUE". The script needs no function
// of the package bash-completion.
#include "shells.hpp"

namespace grapnel::completions {

namespace {

using cmdline::Completion;
using cmdline::Value;

/// Names of files are completed by bash itself, which knows how to quote them.
std::string action(const Completion& completion) {
    switch (completion.kind) {
    case Completion::Kind::files:
        return "compopt -o default";
    case Completion::Kind::directories:
        return "compopt -o dirnames";
    case Completion::Kind::words:
        return "mapfile -t COMPREPLY < <(compgen -W " + quoted(completion.words) + " -- \"$word\")";
    case Completion::Kind::nothing:
        break;
    }
    return ":";
}

/// Patterns of the options of a command that need a value, each behind the command's name.
std::string patterns(const cmdline::Command& command, const cmdline::Option& option) {
    std::vector<std::string> out;
    for (const auto& spelling : spellings(option))
        out.push_back(quoted(std::string(command.name) + " " + spelling));
    return joined(out, " | ");
}

std::string values(const cmdline::Program& program) {
    std::string out;
    for (const auto& part : parts(program))
        for (const auto& option : part.options)
            if (option.value == Value::needed)
                out += "    " + patterns(part, option) + ") " + action(option.completion)
                       + "; return ;;\n";
    return out;
}

std::string operands(const cmdline::Command& command) {
    if (command.words.empty())
        return action(command.completion);
    std::vector<std::string> names;
    for (const auto& word : command.words)
        names.emplace_back(word.name);
    return action(cmdline::words(joined(names, " ")));
}

std::string options(const cmdline::Command& command) {
    std::string names;
    for (const auto& option : command.options)
        if (!option.help.empty())
            names += (names.empty() ? "--" : " --") + std::string(option.name);
    return action(cmdline::words(names));
}

/// A word is a command unless it is the value of an option before it.
std::string find_command(const cmdline::Program& program) {
    if (program.commands.empty())
        return "";
    std::string out = "    for ((i = 1; i < COMP_CWORD; i++)); do\n"
                      "        case ${COMP_WORDS[i - 1]} in\n";
    std::vector<std::string> with_value{"="};
    for (const auto& option : program.itself.options)
        if (option.value == Value::needed)
            for (const auto& spelling : spellings(option))
                with_value.push_back(spelling);
    out += "        " + joined(with_value, " | ") + ") continue ;;\n        esac\n";
    out += "        case ${COMP_WORDS[i]} in\n        " + command_names(program, " | ")
           + ") command=${COMP_WORDS[i]}; break ;;\n        esac\n    done\n";
    return out;
}

} // namespace

std::string bash(const cmdline::Program& program) {
    const auto name = function_name(program);
    std::string out =
        header(program) + name + "()\n{\n"
        + "    local word=${COMP_WORDS[COMP_CWORD]} before=${COMP_WORDS[COMP_CWORD - 1]}\n"
          "    local command='' i IFS=$' \\t\\n'\n"
          "    COMPREPLY=()\n"
          "    if [[ $word == = ]]; then\n        word=''\n"
          "    elif [[ $before == = ]]; then\n"
          "        before=${COMP_WORDS[COMP_CWORD - 2]}\n    fi\n"
        + find_command(program) + "    case \"$command $before\" in\n" + values(program)
        + "    esac\n    case $command,$word in\n";
    for (const auto& part : parts(program)) {
        out += "    " + std::string(part.name) + ",-*) " + options(part) + " ;;\n";
        out += "    " + std::string(part.name) + ",*) " + operands(part) + " ;;\n";
    }
    out += "    esac\n}\ncomplete -F " + name;
    for (const auto known : program.names)
        out += " " + std::string(known);
    return out + "\n";
}

} // namespace grapnel::completions
