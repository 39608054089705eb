// SPDX-License-Identifier: Apache-2.0
#include "cdi/options.hpp"

#include "base/text.hpp"
#include "base/usage.hpp"
#include "cmdline/parse.hpp"
#include "sys/argument_path.hpp"

#include <algorithm>
#include <array>

namespace grapnel::cdi_command {

namespace {

constexpr std::string_view tool = "grapnel cdi";

struct KnownCommand {
    std::string_view name;
    Options::Action action;
};

constexpr auto commands = std::to_array<KnownCommand>({
    {"generate", Options::Action::generate},
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
        auto path = sys::argument_path(part);
        if (!path)
            path.error().kind = Error::Kind::usage;
        const auto text = GRAPNEL_TRY(std::move(path).note("--" + std::string(option.name))).text();
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

} // namespace

Result<Options> parse_options(std::span<const std::string> words, Form form) {
    Given given;
    const cmdline::Grammar grammar{.program = tool,
                                   .operands = cmdline::Operands::are_mixed,
                                   .dashes = form == Form::in_nvidias_form
                                                 ? cmdline::Dashes::one_or_two
                                                 : cmdline::Dashes::two};
    const auto parsed = GRAPNEL_TRY(cmdline::take_words(words, option_rows(), grammar, given));
    const auto& operands = parsed.operands;
    if (given.help)
        return Options{};
    if (operands.empty())
        return usage_error("the command is missing", tool);
    const auto known = GRAPNEL_TRY(command_of(operands.front()));
    Options options{.action = known.action};
    if (operands.size() > 1 && options.action == Options::Action::generate)
        return usage_error("one word too many: " + quote(operands[1]), tool);
    if (options.action == Options::Action::generate) {
        auto again = GRAPNEL_TRY(words_of(parsed));
        options.generation = GRAPNEL_TRY(generation_of(given, form, std::move(again)));
    }
    return options;
}

} // namespace grapnel::cdi_command
