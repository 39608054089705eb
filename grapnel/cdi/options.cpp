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

constexpr std::array<std::pair<std::string_view, CdiNaming>, 3> strategies{{
    {"index", CdiNaming::index},
    {"uuid", CdiNaming::uuid},
    {"type-index", CdiNaming::type_index},
}};

Result<CdiNaming> naming_of(std::string_view name) {
    std::vector<std::string_view> names;
    for (const auto& [word, naming] : strategies) {
        if (word == name)
            return naming;
        names.push_back(word);
    }
    return unknown_word("strategy", name, names, tool);
}

/// An error of an argument is one of the command line.
Result<HostPath> path_of(const std::string& text, std::string_view option) {
    auto path = sys::argument_path(text);
    if (!path)
        path.error().kind = Error::Kind::usage;
    return std::move(path).note(option);
}

} // namespace

Result<Options> parse_options(std::span<const std::string> words) {
    Given given;
    const cmdline::Grammar grammar{.program = tool, .operands = cmdline::Operands::are_mixed};
    const auto parsed = GRAPNEL_TRY(cmdline::take_words(words, option_rows(), grammar, given));
    const auto& operands = parsed.operands;
    if (given.help || (!operands.empty() && operands.front() == "help"))
        return Options{.help = true};
    if (operands.empty())
        return usage_error("the command is missing", tool);
    if (operands.front() != "generate")
        return unknown_word("command", operands.front(),
                            std::array<std::string_view, 2>{"generate", "help"}, tool);
    if (operands.size() > 1)
        return usage_error("one word too many: " + quote(operands[1]), tool);
    Options options{.spec = {.hook = host_path(GRAPNEL_BINDIR "/grapnel-hook")}};
    if (given.output)
        options.output = GRAPNEL_TRY(path_of(*given.output, "--output"));
    if (given.hook_path)
        options.spec.hook = GRAPNEL_TRY(path_of(*given.hook_path, "--hook-path"));
    if (!given.naming.empty())
        options.spec.naming.clear();
    for (const auto& name : given.naming)
        options.spec.naming.push_back(GRAPNEL_TRY(naming_of(name)));
    return options;
}

} // namespace grapnel::cdi_command
