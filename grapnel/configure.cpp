// SPDX-License-Identifier: Apache-2.0
#include "cmdline/help.hpp"
#include "command.hpp"
#include "configure/engines.hpp"
#include "configure/option_table.hpp"
#include "configure/options.hpp"

namespace grapnel {

namespace {

using namespace configure_command;

Status run(const Options& options) {
    const auto work = GRAPNEL_TRY(work_for(options));
    complain(work.notices);
    if (!changes_anything(work.changes))
        return say("nothing to change\n");
    if (options.dry_run)
        return say(shown(work.changes));
    const auto done = GRAPNEL_TRY(carry_out(work.changes));
    GRAPNEL_TRY(say(done));
    return work.afterwards.empty() ? Status() : say(work.afterwards + "\n");
}

} // namespace

int configure(std::span<const std::string> words) {
    const auto options = parse_options(words);
    if (!options)
        return wrong_usage(options.error());
    if (options->help)
        return answer(cmdline::help(command()));
    return finish(run(*options));
}

} // namespace grapnel
