// SPDX-License-Identifier: Apache-2.0
#include "precreate.hpp"

#include "apply/host_nodes.hpp"
#include "base/notices.hpp"
#include "base/text.hpp"
#include "confine/limits.hpp"
#include "confine/phase.hpp"
#include "oci/edit.hpp"
#include "oci/spec.hpp"
#include "prepare/confinement.hpp"
#include "prepare/planner.hpp"
#include "prepare/settings_file.hpp"
#include "prepare/supervised_work.hpp"
#include "request/request.hpp"
#include "sys/file.hpp"
#include "sys/process.hpp"
#include "sys/program.hpp"

#include <unistd.h>
#include <vector>

namespace grapnel {

namespace {

/// As the container's user namespace numbers them. Groups that it does not have would keep a
/// runtime from starting it, and be of no use to it.
std::vector<std::uint32_t> groups_inside(const Plan& plan, const Spec& spec, bool may_change_groups,
                                         const Log& log) {
    std::vector<std::uint32_t> inside;
    for (const auto group : plan.additional_gids) {
        const bool joins = may_change_groups && sys::has_group(group);
        const auto number = joins ? spec.group_inside(group) : std::nullopt;
        if (number)
            inside.push_back(*number);
        else
            log.warning("device nodes of group " + std::to_string(group)
                        + " may be closed to the container: its user namespace cannot have it");
    }
    return inside;
}

/// The hook finds its settings where this stage found them.
Result<SpecEdits> edits_for(const Plan& plan, const Options& options) {
    SpecEdits edits;
    edits.hook = GRAPNEL_TRY(sys::own_program());
    if (options.config)
        edits.hook_options.push_back("--config=" + options.config->text());
    if (plan.change_cgroup)
        edits.device_rules = plan.device_rules;
    return edits;
}

/// The hook that this stage adds finds the same, and logs it: a warning is one line of a start.
Log warnings_of_planner(const Options& options) {
    Log log("grapnel-hook");
    log.warnings_to_stderr(options.debug);
    return log;
}

/// In the child: writes the answer to standard output.
Status answer(const std::string& text, const LoadedSettings& loaded, const Options& options,
              ModuleLoader& modules, const Log& log) {
    GRAPNEL_TRY(confine::keep_phases(
        {confine::Phase::probe, confine::Phase::read_host, confine::Phase::make_nodes}));
    GRAPNEL_TRY(confine::enter_phase(confine::Phase::read_host));
    const auto& settings = loaded.settings;
    const bool may_change_groups = sys::may_change_groups(); // as the runtime may
    auto confined = GRAPNEL_TRY(confine_description(
        settings, log, options.dry_run ? HostChanges::none : HostChanges::state_and_nodes));
    auto spec = GRAPNEL_TRY(
        parse_spec(text).note("stdin").cure("this stage reads a container's config.json"));
    spec.cdi_devices.clear(); // they have a hook of their own
    const auto asked = GRAPNEL_TRY(resolve_request(spec, loaded));
    if (options.container.empty() && !asked.request)
        log.write(asked.notices); // else the hook or the caller writes them
    if (!asked.request && may_hold_added_rules(text)) {
        const auto edited = GRAPNEL_TRY(without_added_rules(text));
        return sys::write_all({STDOUT_FILENO}, edited, "stdout");
    }
    if (!asked.request)
        return sys::write_all({STDOUT_FILENO}, text, "stdout");
    const auto unlogged = warnings_of_planner(options);
    Planner planner(settings, unlogged, modules,
                    options.dry_run ? Planner::DryRun::yes : Planner::DryRun::no);
    planner.work_within(std::move(confined));
    const auto prepared = GRAPNEL_TRY(std::move(planner).prepare(*asked.request));
    const auto plan = GRAPNEL_TRY(prepared.plan_without_image());
    auto edits = GRAPNEL_TRY(edits_for(plan, options));
    edits.groups = groups_inside(plan, spec, may_change_groups, log);
    const auto edited = GRAPNEL_TRY(edit_spec(text, edits));
    Notices left_to_hook;
    if (!options.dry_run)
        GRAPNEL_TRY(apply::make_host_nodes(plan, left_to_hook));
    return sys::write_all({STDOUT_FILENO}, edited, "stdout");
}

} // namespace

Result<int> precreate(const Options& options, ModuleLoader& modules, Log& log) {
    if (!options.container.empty()) {
        log.of_container(options.container);
        log.leave_error_to_caller();
    }
    const auto text = GRAPNEL_TRY(sys::read_all({STDIN_FILENO}, spec_size_limit, "stdin"));
    if (trim(text).empty())
        return refused("standard input is empty, and a container's config.json is read there",
                       "call this stage with config.json: grapnel-hook precreate < config.json");
    GRAPNEL_TRY(confine::enter_phase(confine::Phase::read_host));
    const auto loaded = load_settings(options.config, Variables::are_ignored);
    if (!options.dry_run)
        log.to(loaded.settings);
    confine::limit_file_size(log.bounded_size());
    return run_supervised(look_with_modules(modules), log,
                          [&] { return answer(text, loaded, options, modules, log); });
}

} // namespace grapnel
