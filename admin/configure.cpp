// SPDX-License-Identifier: Apache-2.0
#include "command.hpp"
#include "configure/engines.hpp"
#include "configure/options.hpp"

namespace grapnel {

namespace {

using namespace configure_command;

Status run(const Options& options) {
    const auto work = GRAPNEL_TRY(work_for(options));
    for (const auto& remark : work.remarks)
        complain(remark);
    if (!changes_anything(work.changes)) {
        say("nothing to change\n");
        return {};
    }
    if (options.dry_run) {
        say(shown(work.changes));
        return {};
    }
    say(GRAPNEL_TRY(carry_out(work.changes)));
    if (!work.afterwards.empty())
        say(work.afterwards + "\n");
    return {};
}

} // namespace

int configure(int argc, char** argv) {
    const auto options = parse_options(argc, argv);
    if (!options)
        return wrong_usage(options.error().text(), usage());
    if (options->help) {
        say(usage());
        return exit_done;
    }
    const auto done = run(*options);
    if (done)
        return exit_done;
    complain(done.error().text());
    return exit_refused;
}

} // namespace grapnel
