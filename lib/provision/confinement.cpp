// SPDX-License-Identifier: Apache-2.0
#include "provision/confinement.hpp"

#include "provision/state_file.hpp"
#include "sys/fatal_signal.hpp"
#include "sys/landlock.hpp"
#include "sys/limits.hpp"
#include "sys/phase.hpp"
#include "sys/seccomp.hpp"

namespace grapnel {

namespace {

using sys::FileAccess;
using sys::Phase;

void enforce(const sys::FileRules& rules, const Log& log) {
    if (const auto enforced = rules.enforce(); !enforced)
        log.debug(enforced.error().text());
}

void restrict_files(const Settings& settings, const Log& log, HostChanges changes) {
    sys::FileRules rules;
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

Result<ModuleLoader> confine(const char* program, Modules modules) {
    auto loader = modules == Modules::can_be_loaded ? ModuleLoader::prepare() : ModuleLoader();
    sys::limit_resources();
    GRAPNEL_TRY(sys::confine_capabilities());
    sys::end_on_fatal_signals(program);
    GRAPNEL_TRY(sys::filter_host());
    return loader;
}

Result<ProbeStarter> confine_description(const Settings& settings, const Log& log,
                                         HostChanges changes) {
    auto probe = ProbeStarter::with_helper(settings);
    // a dry run describes the nodes that a start would make: it asks for the right
    GRAPNEL_TRY(changes == HostChanges::state
                    ? sys::keep_phases({Phase::read_host})
                    : sys::keep_phases({Phase::read_host, Phase::make_nodes}));
    GRAPNEL_TRY(sys::enter_phase(Phase::read_host));
    restrict_files(settings, log, changes);
    GRAPNEL_TRY(sys::filter_describing());
    return probe;
}

Status confine_dry_run(sys::FdRef root, const Log& log) {
    sys::FileRules rules;
    rules.allow(host_path("/"), FileAccess::read);
    rules.allow(root, FileAccess::read);
    enforce(rules, log);
    return sys::filter_describing();
}

} // namespace grapnel
