// SPDX-License-Identifier: Apache-2.0
#include "doctor/options.hpp"

#include "base/text.hpp"
#include "base/usage.hpp"
#include "cmdline/parse.hpp"
#include "sys/argument_path.hpp"

namespace grapnel::doctor_command {

namespace {

constexpr std::string_view tool = "grapnel doctor";

} // namespace

Result<Options> parse_options(std::span<const std::string> words) {
    Given given;
    const cmdline::Grammar grammar{.program = tool, .operands = cmdline::Operands::are_mixed};
    const auto parsed = GRAPNEL_TRY(cmdline::take_words(words, option_rows(), grammar, given));
    const auto& operands = parsed.operands;
    if (given.help || (operands.size() == 1 && operands.front() == "help"))
        return Options{.help = true};
    if (!operands.empty())
        return usage_error("one word too many: " + quote(operands.front()), tool);
    Options options{.json = given.json, .fix = given.fix};
    if (given.bundle) {
        auto path = sys::argument_path(*given.bundle);
        if (!path)
            return usage_error("--bundle: " + path.error().text(), tool);
        options.bundle = std::move(*path);
    }
    return options;
}

} // namespace grapnel::doctor_command
