// SPDX-License-Identifier: Apache-2.0
#include "shells.hpp"

#include <algorithm>

namespace grapnel::completions {

std::string quoted(std::string_view text) {
    std::string out = "'";
    for (const char c : text)
        out += c == '\'' ? std::string("'\\''") : std::string(1, c);
    return out + "'";
}

std::string function_name(const cmdline::Program& program) {
    std::string name = "_" + std::string(program.names.front());
    std::ranges::replace(name, '-', '_');
    return name;
}

std::vector<std::string> spellings(const cmdline::Option& option) {
    std::vector<std::string> out;
    if (option.letter != '\0')
        out.push_back(std::string("-") + option.letter);
    out.push_back("--" + std::string(option.name));
    return out;
}

std::string joined(const std::vector<std::string>& words, std::string_view separator) {
    std::string out;
    for (const auto& word : words)
        out += (out.empty() ? std::string() : std::string(separator)) + word;
    return out;
}

std::vector<cmdline::Command> parts(const cmdline::Program& program) {
    std::vector<cmdline::Command> out{program.itself};
    out.insert(out.end(), program.commands.begin(), program.commands.end());
    return out;
}

std::string command_names(const cmdline::Program& program, std::string_view separator) {
    std::vector<std::string> names;
    for (const auto& command : program.commands)
        names.emplace_back(command.name);
    return joined(names, separator);
}

std::string header(const cmdline::Program& program) {
    return "# SPDX-License-Identifier: Apache-2.0\n# Completions of "
           + std::string(program.names.front()) + ", made of the table of its options.\n";
}

std::string list(const cmdline::Program& program) {
    std::string out;
    for (const auto& part : parts(program)) {
        const auto command = part.name.empty() ? std::string() : std::string(part.name) + " ";
        for (const auto& word : part.words)
            out += "word " + command + std::string(word.name) + "\n";
        for (const auto& option : part.options)
            if (!option.help.empty())
                out += "option " + command + "--" + std::string(option.name) + "\n";
    }
    return out;
}

} // namespace grapnel::completions
