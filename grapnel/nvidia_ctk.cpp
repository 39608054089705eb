// SPDX-License-Identifier: Apache-2.0
#include "nvidia_ctk.hpp"

#include "base/text.hpp"
#include "base/usage.hpp"
#include "command.hpp"
#include "nvidia_ctk/words.hpp"

#include <algorithm>
#include <array>

namespace grapnel::nvidia_ctk {

namespace {

constexpr auto version_text = "nvidia-ctk version 1.20.1, of grapnel " GRAPNEL_VERSION "\n";
constexpr auto usage_text = "usage: nvidia-ctk COMMAND [OPTION]...\n\n"
                            "commands of NVIDIA's program, and of grapnel(8) behind them:\n"
                            "  cdi generate             grapnel cdi generate --static\n"
                            "  cdi list                 grapnel cdi list\n"
                            "  cdi transform root       a CDI file with other paths\n"
                            "  hook                     the hooks of nvidia-cdi-hook(8)\n"
                            "  runtime configure        grapnel configure\n"
                            "  config [default]         grapnel config show, set, default\n"
                            "  system create-device-nodes, create-dev-char-symlinks\n"
                            "                           grapnel nodes create\n"
                            "  info                     grapnel info\n\n"
                            "'grapnel --help' has more commands\n";

using cmdline::Row;

/// Before a command: --debug, --quiet, --config FILE.
struct Global {
    bool help = false;
    bool version = false;
    std::string config = {};
    std::vector<std::string> ignored = {};
};

const std::vector<Row<Global>>& global_rows() {
    using enum cmdline::Value;
    static const std::vector<Row<Global>> rows{
        {{"debug", 'd', none}, cmdline::append<&Global::ignored>},
        {{"quiet", '\0', none}, cmdline::append<&Global::ignored>},
        {{"config", '\0', needed}, cmdline::set<&Global::config>},
        {{"version", 'v', none, "", "", {}, true}, cmdline::set_flag<&Global::version>},
        {{"help", 'h', none, "", "", {}, true}, cmdline::set_flag<&Global::help>},
    };
    return rows;
}

int runtime(std::span<const std::string> words) {
    if (words.front() != "configure")
        return wrong_usage(
            unknown_word("command", "runtime " + words.front(), {{"runtime configure"}}, tool));
    const auto translated = configure_words(words.subspan(1));
    return translated ? configure(*translated) : wrong_usage(translated.error());
}

/// A command that has commands of its own, without any of them: `config` does something then.
bool asks_for_help(std::span<const std::string> words) {
    constexpr std::array<std::string_view, 4> commands{"cdi", "config", "runtime", "system"};
    if (std::ranges::find(commands, words[0]) == commands.end())
        return false;
    if (words.size() == 1)
        return words[0] != "config";
    return words.size() == 2 && is_question(words[1]);
}

/// --config names the settings of the two commands that have such an option themselves.
std::vector<std::string> with_config(std::span<const std::string> words, const std::string& file) {
    std::vector<std::string> out(words.begin(), words.end());
    const bool is_generate = words.size() > 1 && words[0] == "cdi" && words[1] == "generate";
    if (!file.empty() && (is_generate || words[0] == "config"))
        out.insert(out.begin() + (is_generate ? 2 : 1), "--config=" + file);
    return out;
}

int run_command(std::span<const std::string> words) {
    if (asks_for_help(words))
        return answer(usage_text);
    struct Entry {
        std::string_view name;
        Command& run;
    };
    constexpr auto commands = std::to_array<Entry>({{"cdi", nvidia_ctk::cdi},
                                                    {"runtime", runtime},
                                                    {"config", nvidia_ctk::config},
                                                    {"system", nvidia_ctk::system_nodes},
                                                    {"info", info}});
    std::vector<std::string_view> names{"hook", "help"};
    for (const auto& command : commands) {
        if (command.name == words.front())
            return command.run(words.subspan(1));
        names.push_back(command.name);
    }
    return wrong_usage(unknown_word("command", words.front(), names, tool));
}

} // namespace

bool is_call(std::string_view called) {
    return called.substr(called.rfind('/') + 1) == tool;
}

bool is_hook_call(std::string_view called, std::span<const std::string> words) {
    return is_call(called) && !words.empty() && words.front() == "hook";
}

int run(std::span<const std::string> words) {
    Global global;
    const auto parsed = cmdline::take_words(words, global_rows(), grammar, global);
    if (!parsed)
        return wrong_usage(parsed.error());
    if (global.version)
        return answer(version_text);
    words = words.subspan(parsed->used);
    if (global.help || words.empty() || words.front() == "help")
        return answer(usage_text);
    return run_command(with_config(words, global.config));
}

} // namespace grapnel::nvidia_ctk
