// SPDX-License-Identifier: Apache-2.0
#include "cdi_hook.hpp"

#include "apply/apply.hpp"
#include "apply/cdi_hook_plan.hpp"
#include "apply/container.hpp"
#include "base/exit_code.hpp"
#include "base/notices.hpp"
#include "base/text.hpp"
#include "cdi_hook_options.hpp"
#include "cdi_hook_table.hpp"
#include "cmdline/help.hpp"
#include "confine/limits.hpp"
#include "confine/phase.hpp"
#include "driver/inventory.hpp"
#include "oci/container_engine.hpp"
#include "oci/state.hpp"
#include "prepare/audit.hpp"
#include "prepare/confinement.hpp"
#include "prepare/host_look.hpp"
#include "prepare/log.hpp"
#include "prepare/settings_file.hpp"
#include "prepare/supervised_work.hpp"
#include "stale_cdi_file.hpp"
#include "sys/host_fs.hpp"
#include "sys/privilege.hpp"
#include "sys/process_identity.hpp"

#include <algorithm>
#include <unistd.h>

namespace grapnel::cdi_hook {

namespace {

using apply::CdiHook;
using confine::Phase;

/// Of NVIDIA's program with these hooks.
constexpr auto version_text =
    "nvidia-cdi-hook version 1.20.1, of grapnel-hook " GRAPNEL_VERSION "\n";

int fail(const Error& error, const Log& log) {
    log.error(error.text());
    return exit_refused;
}

int print(const std::string& text, const Log& log) {
    const auto written = sys::write_all({STDOUT_FILENO}, text, "stdout");
    return written ? exit_done : fail(written.error(), log);
}

/// Of that hook; of the program for another word.
std::string help_of(const std::string& hook) {
    const auto all = program();
    const auto found = std::ranges::find(all.commands, hook, &cmdline::Command::name);
    return cmdline::help(found == all.commands.end() ? all.itself : *found);
}

/// Whether the arguments leave the hook without work.
bool is_idle(const apply::CdiHookRequest& request) {
    switch (request.hook) {
    case CdiHook::enable_cuda_compat:
        return request.driver_version.empty() && request.cuda_version.empty();
    case CdiHook::noop:
        return true;
    default:
        return false;
    }
}

class Run {
  public:
    Run(const Options& options, Log& log) : options_(options), log_(log) {}

    Result<int> run() {
        GRAPNEL_TRY(confine::keep_phases(
            {Phase::read_host, Phase::look_inside, Phase::clone_sources, Phase::clean_up,
             Phase::enter, Phase::ldconfig, Phase::attach, Phase::write_files, Phase::done}));
        GRAPNEL_TRY(confine::enter_phase(Phase::read_host));
        const auto state = GRAPNEL_TRY(read_state());
        log_.of_container(state.id, engine_of_bundle(state.bundle.text()));
        // the variables can be the image's: runc before 1.3 hands them to a hook
        const auto loaded = load_settings(std::nullopt, Variables::are_ignored);
        if (loaded.mistake)
            return *loaded.mistake;
        log_.to(loaded.settings);
        confine::limit_file_size(log_.bounded_size());
        if (options_.request.hook == CdiHook::update_ldcache)
            read_driver();
        steps_.end("read");
        GRAPNEL_TRY(confine::enter_phase(Phase::look_inside));
        const auto starter = sys::starter_identity();
        if (!starter)
            log_.warning("no cleanup record: " + starter.error().text());
        return supervised(state, starter, loaded.settings);
    }

  private:
    Result<State> read_state() {
        const auto text =
            options_.state ? GRAPNEL_TRY(sys::read_host_file(*options_.state, state_size_limit))
                           : GRAPNEL_TRY(sys::read_all({STDIN_FILENO}, state_size_limit, "stdin"));
        return parse_state(text);
    }

    void read_driver() {
        known_gpus_ = known_gpus_of_this_boot();
        if (const auto branch = driver_branch(sys::LinuxHostFs()))
            driver_ = branch->driver_version;
    }

    /// In a child process: a file system of the container may never answer.
    Result<int> supervised(const State& state, const Result<sys::ProcessIdentity>& starter,
                           const Settings& settings) {
        return run_supervised({}, log_, [&] { return serve(state, starter, settings); });
    }

    Status serve(const State& state, const Result<sys::ProcessIdentity>& starter,
                 const Settings& settings) {
        auto container = GRAPNEL_TRY(apply::open_container_from_inside(state));
        if (starter)
            container.claimant = *starter;
        GRAPNEL_TRY(check_cdi_file(options_.request, container.root));
        const auto start = GRAPNEL_TRY(description_of_start(container.root));
        const auto plan =
            GRAPNEL_TRY(apply::plan_of(options_.request, settings.ldcache, container.root));
        steps_.end("plan");
        if (!plan.views.empty())
            GRAPNEL_TRY(apply::check_own_mount_namespace());
        log_.hold();
        Notices notices;
        GRAPNEL_TRY(apply::carry_out(
            plan, std::move(container), options_.request.ldconfig.value_or(settings.ldconfig),
            [&](confine::FileRules& rules) { log_.allow_in(rules); }, notices));
        log_.write(notices);
        steps_.end("apply");
        if (start)
            log_.info(*start, steps_);
        return {};
    }

    /// Of all the hooks of a CDI file, update-ldcache describes the container's start: a file that
    /// gives the driver names it once.
    Result<std::optional<std::string>> description_of_start(sys::RootDir& root) {
        if (options_.request.hook != CdiHook::update_ldcache)
            return std::nullopt;
        return describe_cdi_start(GRAPNEL_TRY(apply::gpu_minors(root)), known_gpus_, driver_);
    }

    const Options& options_;
    Log& log_;
    Steps steps_ = {};
    std::vector<KnownGpu> known_gpus_ = {};
    std::string driver_ = {};
};

int run(std::span<const std::string> words, Log& log) {
    if (const auto confined = sys::confine_process(); !confined)
        return fail(confined.error(), log);
    const auto options = parse_options(words);
    if (!options)
        return fail(options.error(), log);
    log.warnings_to_stderr(options->debug && !options->quiet);
    switch (options->action) {
    case Options::Action::help:
        return print(help_of(options->hook), log);
    case Options::Action::version:
        return print(version_text, log);
    case Options::Action::skip:
        log.to_file(Settings{}.log);
        log.warnings_to_stderr(!options->quiet);
        log.warning("no hook of a CDI file that is known: " + quote(options->hook) + " is skipped");
        return exit_done;
    case Options::Action::run:
        break;
    }
    if (is_idle(options->request))
        return exit_done;
    log.to_file(Settings{}.log);
    if (const auto confined = confine_process("grapnel-hook", Modules::stay); !confined)
        return fail(confined.error(), log);
    const auto code = Run(*options, log).run();
    return code ? *code : fail(code.error(), log);
}

} // namespace

int run(std::span<const std::string> words) {
    Log log("grapnel-hook");
    return guard(log, exit_internal, [&] { return run(words, log); });
}

} // namespace grapnel::cdi_hook
