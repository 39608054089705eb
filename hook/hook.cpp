// SPDX-License-Identifier: Apache-2.0
#include "hook.hpp"

#include "apply/apply.hpp"
#include "apply/cleanup.hpp"
#include "apply/container.hpp"
#include "base/exit_code.hpp"
#include "base/notices.hpp"
#include "base/text.hpp"
#include "cdi_hook.hpp"
#include "cdi_hook_options.hpp"
#include "cmdline/help.hpp"
#include "cmdline/parse.hpp"
#include "confine/limits.hpp"
#include "confine/phase.hpp"
#include "confine/seccomp.hpp"
#include "oci/container_engine.hpp"
#include "oci/spec.hpp"
#include "oci/state.hpp"
#include "option_table.hpp"
#include "options.hpp"
#include "plan/plan.hpp"
#include "precreate.hpp"
#include "prepare/audit.hpp"
#include "prepare/confinement.hpp"
#include "prepare/log.hpp"
#include "prepare/planner.hpp"
#include "prepare/settings_file.hpp"
#include "prepare/supervised_work.hpp"
#include "request/devices.hpp"
#include "request/request.hpp"
#include "sys/privilege.hpp"

#include <functional>
#include <optional>
#include <unistd.h>

namespace grapnel {

namespace {

Result<State> read_state() {
    const auto text = GRAPNEL_TRY(sys::read_all({STDIN_FILENO}, state_size_limit, "stdin"));
    if (trim(text).empty())
        return refused("standard input is empty, and the container's state is read there",
                       "let a runtime call this program, or write the state: "
                       "echo '{\"id\": \"x\", \"bundle\": \"/BUNDLE\"}' | grapnel-hook --dry-run "
                       "prestart");
    return parse_state(text);
}

int fail(const Error& error, const Log& log) {
    log.error(error.text());
    return exit_refused;
}

class Hook {
  public:
    Hook(const Options& options, ModuleLoader modules, Log& log)
        : options_(options), modules_(std::move(modules)), log_(log) {}

    /// The exit code.
    Result<int> run() {
        if (options_.stage == Stage::precreate)
            return precreate(options_, modules_, log_);
        if (options_.stage == Stage::poststop)
            GRAPNEL_TRY(
                confine::keep_phases({confine::Phase::read_host, confine::Phase::clean_up}));
        const auto state = GRAPNEL_TRY(read_state());
        GRAPNEL_TRY(confine::enter_phase(confine::Phase::read_host));
        log_.of_container(state.id, engine_of_bundle(state.bundle.text()));
        switch (options_.stage) {
        case Stage::prestart:
        case Stage::create_runtime:
            // a file of hooks.d has one list of arguments for all its stages
            return state.stopped ? clean_up(state) : give(state);
        case Stage::poststop:
            return clean_up(state);
        case Stage::precreate:
        case Stage::poststart:
            break;
        }
        return exit_done;
    }

  private:
    static Result<int> code_of(const Status& done) {
        return done ? Result<int>(exit_done) : Result<int>(done.error());
    }

    apply::AllowLog allow_log() {
        return [&](confine::FileRules& rules) { log_.allow_in(rules); };
    }

    /// In a child process: a file system of the driver or the container may never answer.
    Result<int> supervised(const std::function<Status()>& work) {
        return run_supervised({}, log_, work);
    }

    /// An engine enters a hook for each device that it resolved by CDI, and the first of these
    /// hooks gives the container all of the devices. False: this is a later one. A hook of another
    /// registration leaves the devices alone.
    [[nodiscard]] bool takes_cdi_devices(Spec& spec) const {
        if (options_.cdi_device.empty())
            spec.cdi_devices.clear();
        else if (spec.cdi_devices.empty())
            spec.cdi_devices = {options_.cdi_device};
        return spec.cdi_devices.empty() || spec.cdi_devices.front() == options_.cdi_device;
    }

    /// A mistake in config.json is an error later.
    [[nodiscard]] Result<Description> confine_for_dry_run(const HostPath& bundle,
                                                          const std::string& config,
                                                          const Settings& settings) const {
        const auto rootfs = apply::rootfs_by_config(config, bundle);
        return confine_description(settings, log_, HostChanges::none,
                                   rootfs ? std::vector{*rootfs} : std::vector<HostPath>());
    }

    /// For a container that needs nothing of this hook.
    [[nodiscard]] Result<int> nothing_given() const {
        return code_of(options_.dry_run ? print(std::nullopt) : Status());
    }

    Result<int> give(const State& state) {
        const auto loaded = load_settings(options_.config, Variables::count);
        const auto& settings = loaded.settings;
        if (!options_.dry_run)
            log_.to(settings);
        confine::limit_file_size(log_.bounded_size());
        const auto config = GRAPNEL_TRY(apply::read_config(state.bundle));
        Description confined;
        if (options_.dry_run && !state.pid)
            confined = GRAPNEL_TRY(confine_for_dry_run(state.bundle, config, settings));
        auto spec = GRAPNEL_TRY(parse_spec(config, annotation_prefixes(settings)));
        if (!takes_cdi_devices(spec))
            return nothing_given();
        const auto asked = GRAPNEL_TRY(resolve_request(spec, loaded));
        log_.write(asked.notices);
        steps_.end("read");
        if (!asked.request)
            return nothing_given();
        GRAPNEL_TRY(apply::enter_user_namespace(state));
        Planner planner(settings, log_, modules_,
                        options_.dry_run ? Planner::DryRun::yes : Planner::DryRun::no);
        if (options_.dry_run && !state.pid)
            planner.work_within(std::move(confined));
        else
            planner.look_apart();
        auto with_modules = GRAPNEL_TRY(std::move(planner).load_modules(*asked.request));
        if (options_.dry_run)
            return code_of(print_plan(std::move(with_modules), state, spec, settings));
        return supervised([&] { return serve(std::move(with_modules), state, spec, settings); });
    }

    /// A mistake in the settings does not keep the root file system from being tidied.
    Result<int> clean_up(const State& state) {
        if (options_.dry_run)
            return exit_done;
        log_.to(load_settings(options_.config, Variables::are_ignored).settings);
        confine::limit_file_size(log_.bounded_size());
        return supervised([&]() -> Status {
            GRAPNEL_TRY(confine::keep_phases({confine::Phase::clean_up}));
            GRAPNEL_TRY(confine::filter_container());
            GRAPNEL_TRY(confine::enter_phase(confine::Phase::clean_up));
            return apply::clean_up(state, allow_log());
        });
    }

    Status serve(LoadedPlanner loaded, const State& state, const Spec& spec,
                 const Settings& settings) {
        const auto planner = GRAPNEL_TRY(std::move(loaded).prepare());
        steps_.end("prepare");
        GRAPNEL_TRY(modules_.await_end());
        GRAPNEL_TRY(confine::enter_phase(confine::Phase::look_inside));
        auto container = GRAPNEL_TRY(apply::open_container(state, spec));
        const auto plan = GRAPNEL_TRY(planner.plan_for(container.root));
        steps_.end("plan");
        log_.hold();
        Notices notices;
        GRAPNEL_TRY(
            apply::carry_out(plan, std::move(container), settings.ldconfig, allow_log(), notices));
        log_.write(notices);
        steps_.end("apply");
        log_.info(describe_start(plan, describe(device_source(spec, settings))), steps_);
        return {};
    }

    /// Without a process in the state, for a bundle that no container was made of yet.
    [[nodiscard]] Status print_plan(LoadedPlanner loaded, const State& state, const Spec& spec,
                                    const Settings& settings) const {
        auto planner = GRAPNEL_TRY(std::move(loaded).prepare());
        GRAPNEL_TRY(modules_.await_end());
        if (!state.pid) {
            const auto rootfs = GRAPNEL_TRY(rootfs_path(spec, state.bundle));
            auto root = GRAPNEL_TRY(apply::open_rootfs(rootfs));
            return print(GRAPNEL_TRY(planner.plan_for(root)));
        }
        GRAPNEL_TRY(confine::keep_phases(
            {confine::Phase::read_host, confine::Phase::look_inside, confine::Phase::make_nodes}));
        GRAPNEL_TRY(confine::enter_phase(confine::Phase::look_inside));
        auto container = GRAPNEL_TRY(apply::open_container(state, spec));
        planner.work_within(GRAPNEL_TRY(confine_dry_run(settings, container.root.ref(), log_)));
        return print(GRAPNEL_TRY(planner.plan_for(container.root)));
    }

    static Status print(const std::optional<Plan>& plan) {
        return sys::write_all({STDOUT_FILENO}, to_json(plan), "stdout");
    }

    const Options& options_;
    ModuleLoader modules_;
    Log& log_;
    Steps steps_ = {};
};

int print(const std::string& text, const Log& log) {
    const auto written = sys::write_all({STDOUT_FILENO}, text, "stdout");
    return written ? exit_done : fail(written.error(), log);
}

int run(int argc, char** argv, Log& log) {
    if (const auto confined = sys::confine_process(); !confined)
        return fail(confined.error(), log);
    const auto options = parse_options(cmdline::words_of(argc, argv));
    if (!options) {
        log.error(options.error().text());
        return exit_usage;
    }
    if (options->action == Options::Action::help)
        return print(cmdline::help(hook_program().itself), log);
    if (options->action == Options::Action::version)
        return print("grapnel-hook " GRAPNEL_VERSION "\n", log);
    log.warnings_to_stderr(options->debug);
    if (!options->dry_run)
        log.to_file(Settings{}.log);
    const bool gives = options->stage != Stage::poststart && options->stage != Stage::poststop;
    auto modules = confine_process(
        "grapnel-hook", gives && !options->dry_run ? Modules::can_be_loaded : Modules::stay);
    if (!modules)
        return fail(modules.error(), log);
    const auto code = Hook(*options, std::move(*modules), log).run();
    return code ? *code : fail(code.error(), log);
}

} // namespace

int run_hook(int argc, char** argv) {
    const auto words = cmdline::words_of(argc, argv);
    if (cdi_hook::is_call(argc > 0 ? argv[0] : "", words))
        return cdi_hook::run(words);
    Log log("grapnel-hook");
    return guard(log, exit_internal, [&] { return run(argc, argv, log); });
}

} // namespace grapnel
