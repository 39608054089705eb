// SPDX-License-Identifier: Apache-2.0
#include "cmdline/help.hpp"

#include "base/format.hpp"

#include <algorithm>

namespace grapnel::cmdline {

namespace {

/// "-d, --debug=FILE"; without a letter the name stands in the same column.
std::string option_head(const Option& option) {
    const std::string letter =
        option.letter == '\0' ? "    " : "-" + std::string(1, option.letter) + ", ";
    const auto name = letter + "--" + std::string(option.name);
    const std::string placeholder(option.placeholder);
    if (option.value == Value::optional)
        return name + "[=" + placeholder + "]";
    return option.value == Value::needed ? name + "=" + placeholder : name;
}

using Lines = std::vector<std::pair<std::string, std::string_view>>;

/// Two columns.
std::string aligned(const Lines& lines) {
    std::size_t width = 0;
    for (const auto& [head, text] : lines)
        width = std::max(width, head.size());
    std::string out;
    for (const auto& [head, text] : lines)
        out += format_text("  {:<{}}  {}\n", head, width, text);
    return out;
}

} // namespace

std::string usage(const Command& command) {
    return "usage: " + command.synopsis + "\n";
}

std::string help(const Command& command) {
    auto text = usage(command);
    if (!command.about.empty())
        text += "\n" + command.about;
    if (!command.words.empty()) {
        Lines lines;
        for (const auto& word : command.words)
            lines.emplace_back(word.name, word.help);
        text += format_text("\n{}:\n{}", command.operand, aligned(lines));
    }
    Lines lines;
    for (const auto& option : command.options)
        if (!option.help.empty())
            lines.emplace_back(option_head(option), option.help);
    return text + format_text("\noptions{}:\n{}", command.options_note, aligned(lines));
}

const Command* find_command(const Program& program, std::string_view name) {
    const auto found = std::ranges::find(program.commands, name, &Command::name);
    return found == program.commands.end() ? nullptr : &*found;
}

} // namespace grapnel::cmdline
