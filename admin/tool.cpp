// SPDX-License-Identifier: Apache-2.0
#include "tool.hpp"

#include "base/text.hpp"
#include "command.hpp"
#include "sys/file.hpp"
#include "sys/privilege.hpp"

#include <algorithm>
#include <array>
#include <fmt/format.h>
#include <unistd.h>

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
        text += fmt::format("  {:<10} {}\n", command.name, command.summary);
    return text
           + "\noptions:\n"
             "  --version  print the version\n"
             "  --help     print this; after a command, what it takes\n";
}

} // namespace

void complain(std::string_view text) {
    // nowhere is left to say that this failed
    (void)sys::write_all({STDERR_FILENO}, fmt::format("grapnel: {}\n", text), "stderr");
}

void say(std::string_view text) {
    (void)sys::write_all({STDOUT_FILENO}, text, "stdout");
}

int wrong_usage(std::string_view text, std::string_view usage) {
    complain(text);
    (void)sys::write_all({STDERR_FILENO}, usage, "stderr");
    return exit_usage;
}

int run_tool(int argc, char** argv) {
    if (const auto begun = sys::begin_program(); !begun) {
        complain(begun.error().text());
        return exit_refused;
    }
    if (argc < 2)
        return wrong_usage("the command is missing", usage());
    const std::string_view name = argv[1];
    if (name == "--help" || name == "--version") {
        say(name == "--help" ? usage() : "grapnel " GRAPNEL_VERSION "\n");
        return exit_done;
    }
    const auto* const command = std::ranges::find(commands, name, &Entry::name);
    if (command == commands.end())
        return wrong_usage("unknown command " + quote(name), usage());
    return command->run(argc - 1, argv + 1);
}

} // namespace grapnel
