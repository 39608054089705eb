// SPDX-License-Identifier: Apache-2.0
#include "precreate.hpp"

#include "apply/host_nodes.hpp"
#include "base/notices.hpp"
#include "base/text.hpp"
#include "confine/confined_child.hpp"
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

#include <optional>
#include <string>
#include <unistd.h>
#include <utility>
#include <vector>

namespace grapnel {

namespace {

/// As the container's user namespace numbers them. Groups that it does not have would keep a
/// runtime from starting it, and be of no use to it.
std::vector<std::uint32_t> groups_inside(const Plan& plan, const Spec& spec, bool may_change_groups,
                                         Notices& notices) {
    std::vector<std::uint32_t> inside;
    for (const auto group : plan.additional_gids) {
        const bool joins = may_change_groups && sys::has_group(group);
        const auto number = joins ? spec.group_inside(group) : std::nullopt;
        if (number)
            inside.push_back(*number);
        else
            notices.warn("device nodes of group " + std::to_string(group)
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

/// The input of this stage.
struct Question {
    const std::string& text; ///< a container's config.json
    const LoadedSettings& loaded;
    const Options& options;
    ModuleLoader& modules;
    const Log& log;
};

struct Answer {
    std::string text = {}; ///< config.json with the additions
    Notices notices = {};  ///< for the log
};

/// The source of the facts of the host.
enum class Source { caches, host };

/// Confines this process to the needs of the planner that it returns.
Result<Planner> confined_planner(const Question& question, Source source, const Log& log) {
    const auto& settings = question.loaded.settings;
    const bool dry_run = question.options.dry_run;
    Planner planner(settings, log, question.modules,
                    dry_run ? Planner::DryRun::yes : Planner::DryRun::no);
    if (source == Source::caches) {
        GRAPNEL_TRY(confine_to_caches(settings, question.log));
        planner.work_from_caches();
        return planner;
    }
    GRAPNEL_TRY(confine::keep_phases(
        {confine::Phase::probe, confine::Phase::read_host, confine::Phase::make_nodes}));
    GRAPNEL_TRY(confine::enter_phase(confine::Phase::read_host));
    planner.work_within(GRAPNEL_TRY(confine_description(
        settings, question.log, dry_run ? HostChanges::none : HostChanges::state_and_nodes)));
    return planner;
}

Result<Answer> answer(const Question& question, Source source) {
    const auto& [text, loaded, options, modules, log] = question;
    const bool may_change_groups = sys::may_change_groups(); // as the runtime may
    const auto unlogged = warnings_of_planner(options);
    auto planner = GRAPNEL_TRY(confined_planner(question, source, unlogged));
    auto spec = GRAPNEL_TRY(parse_spec(text, annotation_prefixes(loaded.settings))
                                .note("stdin")
                                .cure("this stage reads a container's config.json"));
    spec.cdi_devices.clear(); // they have a hook of their own
    const auto asked = GRAPNEL_TRY(resolve_request(spec, loaded));
    Answer out;
    if (!asked.request) {
        if (options.container.empty()) // else the hook or the caller writes them
            out.notices = asked.notices;
        out.text = may_hold_added_rules(text) ? GRAPNEL_TRY(without_added_rules(text)) : text;
        return out;
    }
    const auto prepared = GRAPNEL_TRY(std::move(planner).prepare(*asked.request));
    const auto plan = GRAPNEL_TRY(prepared.plan_without_image());
    auto edits = GRAPNEL_TRY(edits_for(plan, options));
    edits.groups = groups_inside(plan, spec, may_change_groups, out.notices);
    out.text = GRAPNEL_TRY(edit_spec(text, edits));
    Notices left_to_hook;
    if (!options.dry_run)
        GRAPNEL_TRY(apply::make_host_nodes(plan, left_to_hook));
    return out;
}

constexpr char found = '+';
constexpr char not_found = '-';

/// The answer of a child that reads no file of the driver; nothing: the host has to be looked at,
/// or there are lines for the log or an error, which a look at the host brings again. A dry run
/// leaves caches alone.
Result<std::optional<std::string>> answer_from_caches(const Question& question) {
    if (question.options.dry_run)
        return std::optional<std::string>();
    const auto ask = [&]() -> Result<std::string> {
        auto known = answer(question, Source::caches);
        return known && known->notices.list.empty() ? found + std::move(known->text)
                                                    : std::string(1, not_found);
    };
    auto told = GRAPNEL_TRY(confine::look_apart(2 * spec_size_limit, ask));
    if (!told.starts_with(found))
        return std::optional<std::string>();
    return std::optional(told.substr(1));
}

/// In the child: writes the answer to standard output.
Status write_answer(const Question& question) {
    auto text = GRAPNEL_TRY(answer_from_caches(question));
    if (!text) {
        auto looked = GRAPNEL_TRY(answer(question, Source::host));
        question.log.write(looked.notices);
        text = std::move(looked.text);
    }
    return sys::write_all({STDOUT_FILENO}, *text, "stdout");
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
    const Question question{
        .text = text, .loaded = loaded, .options = options, .modules = modules, .log = log};
    return run_supervised(look_with_modules(modules), log, [&] { return write_answer(question); });
}

} // namespace grapnel
