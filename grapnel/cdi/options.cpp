// SPDX-License-Identifier: Apache-2.0
#include "cdi/options.hpp"

#include "base/text.hpp"
#include "base/usage.hpp"
#include "sys/argument_path.hpp"

#include <algorithm>
#include <array>

namespace grapnel::cdi_command {

namespace {

struct KnownCommand {
    std::string_view name;
    Options::Action action;
};

constexpr auto commands = std::to_array<KnownCommand>({
    {"generate", Options::Action::generate},
    {"list", Options::Action::list},
    {"validate", Options::Action::validate},
    {"refresh", Options::Action::refresh},
    {"help", Options::Action::help},
});

Result<KnownCommand> command_of(std::string_view word) {
    std::vector<std::string_view> names;
    for (const auto& command : commands) {
        if (command.name == word)
            return command;
        names.push_back(command.name);
    }
    return unknown_word("command", word, names, tool);
}

/// A path is absolute, so that it means the same in another directory.
Result<std::string> canonical(const cmdline::Option& option, const std::string& value) {
    using Kind = cmdline::Completion::Kind;
    if (option.completion.kind != Kind::files && option.completion.kind != Kind::directories)
        return value;
    std::string out;
    for (const auto& part : comma_list(value)) {
        const auto text = GRAPNEL_TRY(path_of(part, "--" + std::string(option.name))).text();
        out += (out.empty() ? "" : ",") + text;
    }
    return out;
}

/// The options again, but for the file and its form.
Result<std::vector<std::string>> words_of(const cmdline::Parsed& parsed) {
    std::vector<std::string> words;
    for (const auto& given : parsed.given) {
        const auto& option = option_rows()[given.option].option;
        const auto name = "--" + std::string(option.name);
        if (option.name == "output" || option.name == "live" || option.name == "static")
            continue;
        words.push_back(given.value ? name + "=" + GRAPNEL_TRY(canonical(option, *given.value))
                                    : name);
    }
    return words;
}

/// Options of commands other than `generate`.
bool is_of(std::string_view option, Options::Action action) {
    using enum Options::Action;
    if (option == "spec-dir")
        return action == list || action == validate || action == refresh;
    if (option == "json")
        return action == list || action == validate;
    if (option == "nodes")
        return action == refresh;
    return action == generate;
}

Status check_options(const KnownCommand& command, const cmdline::Parsed& parsed) {
    for (const auto& given : parsed.given) {
        const auto name = option_rows()[given.option].option.name;
        if (command.action != Options::Action::help && !is_of(name, command.action))
            return usage_error(
                "--" + std::string(name) + " is not for " + std::string(command.name), tool);
    }
    return {};
}

Status check_count(const std::vector<std::string>& operands, std::size_t count) {
    if (operands.size() <= count)
        return {};
    return usage_error("one word too many: " + quote(operands[count]), tool);
}

} // namespace

Result<HostPath> path_of(const std::string& word, std::string_view option) {
    auto path = sys::argument_path(word);
    if (!path)
        path.error().kind = Error::Kind::usage;
    return std::move(path).note(option);
}

Result<std::vector<HostPath>> paths_of(const std::vector<std::string>& words,
                                       std::string_view option) {
    std::vector<HostPath> paths;
    for (const auto& word : words)
        paths.push_back(GRAPNEL_TRY(path_of(word, option)));
    return paths;
}

cmdline::Grammar grammar_of(Form form) {
    using cmdline::Dashes;
    return {.program = tool,
            .operands = cmdline::Operands::are_mixed,
            .dashes = form == Form::in_nvidias_form ? Dashes::one_or_two : Dashes::two};
}

Result<Options> parse_options(std::span<const std::string> words, Form form) {
    Given given;
    const auto parsed =
        GRAPNEL_TRY(cmdline::take_words(words, option_rows(), grammar_of(form), given));
    const auto& operands = parsed.operands;
    if (given.help)
        return Options{};
    if (operands.empty())
        return usage_error("the command is missing", tool);
    const auto known = GRAPNEL_TRY(command_of(operands.front()));
    GRAPNEL_TRY(check_options(known, parsed));
    Options options{.action = known.action, .json = given.json, .nodes_alone = given.nodes};
    if (options.action == Options::Action::generate) {
        GRAPNEL_TRY(check_count(operands, 1));
        auto again = GRAPNEL_TRY(words_of(parsed));
        options.generation = GRAPNEL_TRY(generation_of(given, form, std::move(again)));
        return options;
    }
    if (options.action == Options::Action::list)
        GRAPNEL_TRY(check_count(operands, 1));
    const std::vector<std::string> files(operands.begin() + 1, operands.end());
    options.files = GRAPNEL_TRY(paths_of(files, "FILE"));
    for (const auto& directories : given.spec_dirs)
        for (auto& path : GRAPNEL_TRY(paths_of(comma_list(directories), "--spec-dir")))
            options.directories.push_back(std::move(path));
    return options;
}

} // namespace grapnel::cdi_command
