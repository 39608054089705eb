// SPDX-License-Identifier: Apache-2.0
#include "options.hpp"

#include "base/text.hpp"
#include "base/usage.hpp"
#include "cmdline/parse.hpp"
#include "option_table.hpp"
#include "sys/argument_path.hpp"

#include <algorithm>

namespace grapnel {

namespace {

constexpr std::string_view program = "grapnel-hook";

Result<Stage> stage_of(std::string_view name) {
    std::vector<std::string_view> names;
    for (const auto& [word, stage] : stages) {
        if (word.name == name)
            return stage;
        names.push_back(word.name);
    }
    return unknown_word("stage", name, names, program);
}

} // namespace

Result<Options> parse_options(std::span<const std::string> words) {
    Options options;
    const cmdline::Grammar grammar{.program = program, .dashes = cmdline::Dashes::one_or_two};
    const auto parsed = GRAPNEL_TRY(cmdline::take_words(words, hook_options(), grammar, options));
    if (options.config_text)
        options.config = GRAPNEL_TRY(sys::argument_path(*options.config_text).note("--config"));
    if (options.action != Options::Action::run)
        return options;
    words = words.subspan(parsed.used);
    if (words.empty())
        return usage_error("the stage is missing", program);
    if (words.front() == "help") {
        options.action = Options::Action::help;
        return options;
    }
    options.stage = GRAPNEL_TRY(stage_of(words.front()));
    if (words.size() > 1)
        return usage_error("one word too many: " + quote(words[1]), program);
    return options;
}

} // namespace grapnel
