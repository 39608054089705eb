// SPDX-License-Identifier: Apache-2.0
#include "tool.hpp"

#include "base/format.hpp"
#include "base/notices.hpp"
#include "base/text.hpp"
#include "base/usage.hpp"
#include "cdi_hook.hpp"
#include "cmdline/help.hpp"
#include "cmdline/parse.hpp"
#include "command.hpp"
#include "confine/supervise.hpp"
#include "nvidia_ctk.hpp"
#include "option_table.hpp"
#include "sys/child.hpp"
#include "sys/file.hpp"
#include "sys/privilege.hpp"
#include "terminal.hpp"

#include <algorithm>
#include <array>
#include <unistd.h>
#include <vector>

namespace grapnel {

namespace {

struct Entry {
    std::string_view name;
    Command& run;
};

constexpr auto commands = std::to_array<Entry>({
    {"configure", configure},
    {"cdi", cdi},
    {"info", info},
    {"doctor", doctor},
    {"explain", explain},
    {"list", list},
    {"ps", ps},
    {"config", config},
    {"nodes", nodes},
    {"cache", cache},
    {"log", log},
    {"blame", blame},
});

constexpr std::string_view program = "grapnel";

Error unknown_command(std::string_view word) {
    std::vector<std::string_view> names{"help"};
    for (const auto& command : commands)
        names.push_back(command.name);
    return unknown_word("command", word, names, program);
}

/// Of the program, or of the command that the words name.
int answer_help(std::span<const std::string> words) {
    const auto described = tool_program();
    if (words.empty())
        return answer(cmdline::help(described.itself));
    if (words.size() > 1)
        return wrong_usage(usage_error("one word too many: " + quote(words[1]), program));
    const auto* const command = cmdline::find_command(described, words.front());
    if (command == nullptr)
        return wrong_usage(unknown_command(words.front()));
    return answer(cmdline::help(*command));
}

int run(std::span<const std::string> words) {
    ToolOptions options;
    const auto parsed = cmdline::take_words(words, tool_options(), {.program = program}, options);
    if (!parsed)
        return wrong_usage(parsed.error());
    if (options.action == ToolOptions::Action::version)
        return answer("grapnel " GRAPNEL_VERSION "\n");
    words = words.subspan(parsed->used);
    if (options.action == ToolOptions::Action::help)
        return answer_help(words);
    if (!words.empty() && words.front() == "help")
        return answer_help(words.subspan(1));
    if (words.empty())
        return wrong_usage(usage_error("the command is missing", program));
    const auto* const command = std::ranges::find(commands, words.front(), &Entry::name);
    if (command == commands.end())
        return wrong_usage(unknown_command(words.front()));
    return command->run(words.subspan(1));
}

} // namespace

void complain(std::string_view text) {
    // nowhere is left to say that this failed
    (void)sys::write_all({STDERR_FILENO}, format_text("grapnel: {}\n", fit_line(text)), "stderr");
}

void complain(const Notices& notices) {
    for (const auto& notice : notices.list)
        complain(notice.text);
}

Status say(std::string_view text) {
    return sys::write_all({STDOUT_FILENO}, text, "stdout");
}

int finish(const Status& done) {
    if (done)
        return exit_done;
    complain(done.error().text());
    return done.error().kind == Error::Kind::usage ? exit_usage : exit_refused;
}

int within_time_limit(const std::function<int()>& work, int more_ms) {
    (void)Terminal::of_stdout(); // the child's standard output is a file in memory
    if (const auto closed = sys::close_inherited_descriptors(); !closed)
        return finish(closed);
    const sys::WaitableChildren waitable;
    const auto done =
        confine::supervise({.subject = confine::Supervision::Subject::host,
                            .time_limit_ms = confine::container_time_limit_ms + more_ms},
                           {}, work);
    return done ? done->code : finish(done.error());
}

int answer(std::string_view text) {
    return finish(say(text));
}

int wrong_usage(const Error& error) {
    complain(error.text());
    return exit_usage;
}

int run_tool(int argc, char** argv) {
    const auto words = cmdline::words_of(argc, argv);
    // a hook confines itself otherwise than a program that people start
    if (nvidia_ctk::is_hook_call(argc > 0 ? argv[0] : "", words))
        return cdi_hook::run(std::span(words).subspan(1));
    if (const auto begun = sys::begin_program(); !begun) {
        complain(begun.error().text());
        return exit_refused;
    }
    if (nvidia_ctk::is_call(argc > 0 ? argv[0] : ""))
        return nvidia_ctk::run(words);
    return run(words);
}

} // namespace grapnel
