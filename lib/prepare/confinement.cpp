// SPDX-License-Identifier: Apache-2.0
#include "prepare/confinement.hpp"

#include "confine/fatal_signal.hpp"
#include "confine/landlock.hpp"
#include "confine/limits.hpp"
#include "confine/phase.hpp"
#include "confine/seccomp.hpp"
#include "prepare/state_file.hpp"

namespace grapnel {

namespace {

using confine::FileAccess;
using confine::Phase;

void enforce(const confine::FileRules& rules, const Log& log) {
    if (const auto enforced = rules.enforce(); !enforced)
        log.debug(enforced.error().text());
}

void restrict_files(const Settings& settings, const Log& log, HostChanges changes) {
    confine::FileRules rules;
    rules.allow(host_path("/"), FileAccess::read);
    if (changes != HostChanges::none) {
        rules.allow(state_directory(), FileAccess::change);
        log.allow_in(rules);
    }
    if (changes == HostChanges::state_and_nodes)
        for (const auto& root : {host_path("/"), settings.driver_root, settings.device_root})
            if (!root.empty())
                rules.allow(root / "dev", FileAccess::make_nodes);
    enforce(rules, log);
}

} // namespace

Result<ModuleLoader> confine_process(const char* program, Modules modules) {
    auto loader = modules == Modules::can_be_loaded ? ModuleLoader::prepare() : ModuleLoader();
    confine::limit_resources();
    GRAPNEL_TRY(confine::confine_capabilities());
    confine::end_on_fatal_signals(program);
    GRAPNEL_TRY(confine::filter_host());
    return loader;
}

Result<ProbeStarter> confine_description(const Settings& settings, const Log& log,
                                         HostChanges changes) {
    auto probe = ProbeStarter::with_helper(settings);
    // a dry run describes the nodes that a start would make: it asks for the right
    GRAPNEL_TRY(changes == HostChanges::state
                    ? confine::keep_phases({Phase::read_host})
                    : confine::keep_phases({Phase::read_host, Phase::make_nodes}));
    GRAPNEL_TRY(confine::enter_phase(Phase::read_host));
    restrict_files(settings, log, changes);
    GRAPNEL_TRY(confine::filter_describing());
    return probe;
}

Status confine_dry_run(sys::FdRef root, const Log& log) {
    confine::FileRules rules;
    rules.allow(host_path("/"), FileAccess::read);
    rules.allow(root, FileAccess::read);
    enforce(rules, log);
    return confine::filter_describing();
}

} // namespace grapnel
