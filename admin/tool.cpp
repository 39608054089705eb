// SPDX-License-Identifier: Apache-2.0
#include "tool.hpp"
#include "base/format.hpp"

#include "base/text.hpp"
#include "base/usage.hpp"
#include "command.hpp"
#include "sys/file.hpp"
#include "sys/privilege.hpp"

#include <algorithm>
#include <array>
#include <unistd.h>
#include <vector>

namespace grapnel {

namespace {

struct Entry {
    std::string_view name;
    std::string_view summary;
    Command& run;
};

constexpr std::array<Entry, 1> commands{{
    {"configure", "enter the runtime or the hook in a container engine's configuration", configure},
}};

std::string usage() {
    std::string text = "usage: grapnel COMMAND [ARGUMENT]...\n\ncommands:\n";
    for (const auto& command : commands)
        text += format_text("  {:<10} {}\n", command.name, command.summary);
    return text
           + "\noptions:\n"
             "  -v, --version  print the version\n"
             "  -h, --help     print this; after a command, what it takes\n";
}

constexpr std::string_view program = "grapnel";

Error unknown_command(std::string_view word) {
    std::vector<std::string_view> names{"help"};
    for (const auto& command : commands)
        names.push_back(command.name);
    return unknown_word("command", word, names, program);
}

} // namespace

void complain(std::string_view text) {
    // nowhere is left to say that this failed
    (void)sys::write_all({STDERR_FILENO}, format_text("grapnel: {}\n", fit_line(text)), "stderr");
}

Status say(std::string_view text) {
    return sys::write_all({STDOUT_FILENO}, text, "stdout");
}

int answer(std::string_view text) {
    const auto said = say(text);
    if (said)
        return exit_done;
    complain(said.error().text());
    return exit_refused;
}

int wrong_usage(const Error& error) {
    complain(error.text());
    return exit_usage;
}

int run_tool(int argc, char** argv) {
    if (const auto begun = sys::begin_program(); !begun) {
        complain(begun.error().text());
        return exit_refused;
    }
    if (argc < 2)
        return wrong_usage(usage_error("the command is missing", program));
    const std::string_view name = argv[1];
    if (name == "-h" || name == "--help" || name == "help")
        return answer(usage());
    if (name == "-v" || name == "--version")
        return answer("grapnel " GRAPNEL_VERSION "\n");
    if (name.starts_with('-'))
        return wrong_usage(
            unknown_option(name, std::array<std::string_view, 2>{"help", "version"}, program));
    const auto* const command = std::ranges::find(commands, name, &Entry::name);
    if (command == commands.end())
        return wrong_usage(unknown_command(name));
    return command->run(argc - 1, argv + 1);
}

} // namespace grapnel
