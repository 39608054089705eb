// SPDX-License-Identifier: Apache-2.0
#include "prepare/confinement.hpp"

#include "confine/fatal_signal.hpp"
#include "confine/landlock.hpp"
#include "confine/limits.hpp"
#include "confine/phase.hpp"
#include "confine/seccomp.hpp"
#include "driver/readable_paths.hpp"
#include "driver/rooted_host.hpp"
#include "plan/scope.hpp"
#include "prepare/inventory_cache.hpp"
#include "prepare/state_file.hpp"

namespace grapnel {

namespace {

using confine::FileAccess;
using confine::Phase;

std::vector<HostPath> roots_of_nodes(const Settings& settings) {
    std::vector<HostPath> roots{host_path("/")};
    for (const auto& root : {settings.driver_root, settings.device_root})
        if (!root.empty() && root != roots.front())
            roots.push_back(root);
    return roots;
}

void allow_listing_of_nodes(confine::FileRules& rules, const Settings& settings) {
    for (const auto& root : roots_of_nodes(settings))
        rules.allow(root / "dev", FileAccess::list);
}

/// Of the driver: returned as paths below its root. A root that is not there is the planner's
/// error.
ReadablePaths allow_driver(confine::FileRules& rules, const Settings& settings) {
    const sys::LinuxHostFs host;
    const auto root = rooted_host(host, settings.driver_root, settings.device_root);
    const auto* const rooted = root ? root->get() : nullptr;
    auto paths = readable_paths(rooted != nullptr ? static_cast<const sys::HostFs&>(*rooted) : host,
                                inventory_scope({}, settings));
    const auto allow = [&](const std::vector<HostPath>& some, FileAccess access) {
        for (const auto& path : some)
            if (const auto place = rooted != nullptr ? rooted->place(path, true) : path)
                rules.allow(*place, access);
    };
    allow(paths.read, FileAccess::read);
    allow(paths.listed, FileAccess::list);
    allow_listing_of_nodes(rules, settings);
    return paths;
}

void allow_changes(confine::FileRules& rules, const Settings& settings, const Log& log,
                   HostChanges changes) {
    if (changes == HostChanges::none)
        return rules.allow(state_directory(), FileAccess::read);
    rules.allow(state_directory(), FileAccess::change);
    log.allow_in(rules);
    if (changes != HostChanges::state_and_nodes)
        return;
    rules.allow(inventory_cache_directory(), FileAccess::read);
    for (const auto& root : roots_of_nodes(settings))
        rules.allow(root / "dev", FileAccess::make_nodes);
}

ConfinedLook restrict(const confine::FileRules& rules, ReadablePaths readable) {
    ConfinedLook out{.landlock = rules.enforce()};
    if (out.landlock)
        out.readable = std::move(readable);
    return out;
}

Status restrict(const confine::FileRules& rules, ReadablePaths readable, const Log& log,
                Description& out) {
    auto look = restrict(rules, std::move(readable));
    GRAPNEL_TRY(confine::filter_describing());
    if (!look.landlock)
        log.debug(look.landlock.error().text());
    out.readable = std::move(look.readable);
    return {};
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

Result<Description> confine_description(const Settings& settings, const Log& log,
                                        HostChanges changes,
                                        const std::vector<HostPath>& also_read) {
    Description out{.probe = ProbeStarter::with_helper(settings)};
    // a dry run describes the nodes that a start would make: it asks for the right
    GRAPNEL_TRY(changes == HostChanges::state
                    ? confine::keep_phases({Phase::read_host})
                    : confine::keep_phases({Phase::read_host, Phase::make_nodes}));
    GRAPNEL_TRY(confine::enter_phase(Phase::read_host));
    confine::FileRules rules;
    auto readable = allow_driver(rules, settings);
    for (const auto& path : also_read)
        rules.allow(path, FileAccess::read);
    allow_changes(rules, settings, log, changes);
    GRAPNEL_TRY(restrict(rules, std::move(readable), log, out));
    return out;
}

Status confine_to_caches(const Settings& settings, const Log& log) {
    GRAPNEL_TRY(confine::keep_phases({Phase::read_host, Phase::make_nodes}));
    GRAPNEL_TRY(confine::enter_phase(Phase::read_host));
    confine::FileRules rules;
    for (const auto* const path : {"/proc", "/sys"})
        rules.allow(host_path(path), FileAccess::read);
    allow_listing_of_nodes(rules, settings);
    allow_changes(rules, settings, log, HostChanges::state_and_nodes);
    Description unused;
    return restrict(rules, {}, log, unused);
}

Result<Description> confine_dry_run(const Settings& settings, sys::FdRef root, const Log& log) {
    Description out;
    confine::FileRules rules;
    auto readable = allow_driver(rules, settings);
    rules.allow(root, FileAccess::read);
    allow_changes(rules, settings, log, HostChanges::none);
    GRAPNEL_TRY(restrict(rules, std::move(readable), log, out));
    return out;
}

Result<ConfinedLook> confine_look(const Settings& settings) {
    GRAPNEL_TRY(confine::keep_phases({Phase::read_host}));
    GRAPNEL_TRY(confine::enter_phase(Phase::read_host));
    GRAPNEL_TRY(confine::filter_look()); // before the places are read from ld.so.cache and lists
    confine::FileRules rules;
    auto readable = allow_driver(rules, settings);
    return restrict(rules, std::move(readable));
}

} // namespace grapnel
