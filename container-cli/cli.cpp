// SPDX-License-Identifier: Apache-2.0
#include "cli.hpp"

#include "apply/apply.hpp"
#include "base/format.hpp"
#include "base/notices.hpp"
#include "base/text.hpp"
#include "confine/limits.hpp"
#include "confine/phase.hpp"
#include "list.hpp"
#include "options.hpp"
#include "prepare/audit.hpp"
#include "prepare/confinement.hpp"
#include "prepare/log.hpp"
#include "prepare/planner.hpp"
#include "prepare/settings_file.hpp"
#include "prepare/supervised_work.hpp"
#include "request.hpp"
#include "sys/argument_path.hpp"
#include "sys/privilege.hpp"

#include <algorithm>
#include <functional>
#include <unistd.h>

namespace grapnel::cli {

namespace {

using Command = Options::Command;

/// Callers look for these words, and for the version: of NVIDIA's program with this grammar.
constexpr auto compatible_version = "1.20.0";

std::string class_of(const Error& error, std::string_view otherwise) {
    switch (error.subject) {
    case Error::Subject::driver:
        return "initialization error";
    case Error::Subject::devices:
        return "device error";
    case Error::Subject::mig_config:
        return "mig-config error";
    case Error::Subject::mig_monitor:
        return "mig-monitor error";
    case Error::Subject::requirement:
        return "requirement error: unsatisfied condition";
    case Error::Subject::ldcache:
        return "ldcache error";
    case Error::Subject::other:
        break;
    }
    return std::string(otherwise);
}

template <typename T>
Result<T> classed(Result<T> result, std::string_view otherwise) {
    if (result)
        return result;
    const auto word = class_of(result.error(), otherwise);
    return std::move(result).note(word);
}

constexpr auto detection = "detection error";

int fail(const Error& error, const Log& log) {
    log.error(error.text());
    return 1;
}

class Cli {
  public:
    Cli(const Options& options, ModuleLoader modules, Log& log)
        : options_(options), modules_(std::move(modules)), log_(log) {}

    /// The exit code.
    Result<int> run() {
        GRAPNEL_TRY(confine::enter_phase(confine::Phase::read_host));
        const auto file = load_settings(std::nullopt, Variables::count);
        if (options_.debug.empty())
            log_.to(file.settings);
        confine::limit_file_size(log_.bounded_size());
        if (file.mistake)
            return *file.mistake;
        settings_ = GRAPNEL_TRY(settings_of(options_, file.settings, sys::own_user()));
        GRAPNEL_TRY(check_user(options_, sys::LinuxHostFs()));
        switch (options_.command) {
        case Command::configure:
            return configure();
        case Command::list:
            return described([&] { return list(); });
        case Command::info:
            return described([&] { return info(); });
        case Command::help:
        case Command::usage:
        case Command::version:
            break;
        }
        return 0;
    }

  private:
    /// In a child process that is confined to its description of the host.
    Result<int> described(const std::function<Status()>& describe) {
        return run_supervised(look_with_modules(modules_), log_, [&]() -> Status {
            GRAPNEL_TRY(confine::keep_phases({confine::Phase::probe, confine::Phase::read_host}));
            GRAPNEL_TRY(confine::enter_phase(confine::Phase::read_host));
            confined_ = GRAPNEL_TRY(confine_description(settings_, log_, HostChanges::state));
            return describe();
        });
    }

    [[nodiscard]] Result<apply::Container> open(const HostPath& rootfs) const {
        if (!options_.pid)
            return apply::open_own_container(rootfs);
        return apply::open_container(GRAPNEL_TRY(pid_of(options_)), rootfs);
    }

    Result<int> configure() {
        const auto rootfs = GRAPNEL_TRY(rootfs_of(options_));
        const auto request = GRAPNEL_TRY(configure_request(options_, settings_));
        Planner planner(settings_, log_, modules_, Planner::DryRun::no);
        planner.look_apart();
        auto loaded = GRAPNEL_TRY(classed(std::move(planner).load_modules(request), detection));
        return run_supervised({}, log_, [&] { return serve(std::move(loaded), rootfs); });
    }

    Status serve(LoadedPlanner loaded, const HostPath& rootfs) {
        const auto planner = GRAPNEL_TRY(classed(std::move(loaded).prepare(), detection));
        steps_.end("prepare");
        GRAPNEL_TRY(modules_.await_end());
        GRAPNEL_TRY(confine::enter_phase(confine::Phase::look_inside));
        auto container = GRAPNEL_TRY(open(rootfs).note("container error"));
        const auto plan = GRAPNEL_TRY(classed(planner.plan_for(container.root), detection));
        steps_.end("plan");
        log_.hold();
        Notices notices;
        GRAPNEL_TRY(classed(apply::carry_out(
                                plan, std::move(container), settings_.ldconfig,
                                [&](confine::FileRules& rules) { log_.allow_in(rules); }, notices),
                            "mount error"));
        log_.write(notices);
        steps_.end("apply");
        log_.info(describe_start(plan, asked_for()), steps_);
        return {};
    }

    [[nodiscard]] std::string asked_for() const {
        std::string devices;
        for (const auto& device : options_.devices)
            devices += (devices.empty() ? "" : ",") + device;
        return "--device=" + quote(devices);
    }

    Status list() {
        const auto request = GRAPNEL_TRY(list_request(options_));
        Planner planner(settings_, log_, modules_, Planner::DryRun::no);
        planner.work_within(std::move(confined_));
        const auto prepared = GRAPNEL_TRY(classed(std::move(planner).prepare(request), detection));
        const auto inventory = GRAPNEL_TRY(classed(prepared.inventory(), detection));
        return print(GRAPNEL_TRY(classed(list_text(options_, request, inventory), detection)));
    }

    Status info() {
        Planner planner(settings_, log_, modules_, Planner::DryRun::no);
        planner.work_within(std::move(confined_));
        const auto host = GRAPNEL_TRY(classed(std::move(planner).describe({}), detection));
        const auto& inventory = host.inventory();
        return print(options_.csv ? info_csv(inventory) : info_text(inventory));
    }

    static Status print(const std::string& text) {
        return sys::write_all({STDOUT_FILENO}, text, "stdout");
    }

    const Options& options_;
    ModuleLoader modules_;
    Log& log_;
    Steps steps_ = {};
    Settings settings_ = {};
    Description confined_ = {};
};

std::string version() {
    return format_text("cli-version: {0}\nlib-version: {0}\n"
                       "build: grapnel-cli " GRAPNEL_VERSION ", with the grammar of that version\n",
                       compatible_version);
}

/// The answer to --help, --usage and --version; nothing for a command to run.
std::optional<std::string> answer(const Options& options) {
    switch (options.command) {
    case Command::help:
        return help(options.help_of);
    case Command::usage:
        return usage(options.help_of);
    case Command::version:
        return version();
    default:
        return std::nullopt;
    }
}

Status use_debug_file(const std::string& name, Log& log) {
    if (name.empty())
        return {};
    if (name == "/dev/stderr" || name == "/dev/stdout")
        log.warnings_to_stderr(true);
    else
        log.to_file(GRAPNEL_TRY(sys::argument_path(name).note("--debug").note("input error")));
    return {};
}

int run(int argc, char** argv, Log& log) {
    if (const auto confined = sys::confine_process(); !confined)
        return fail(confined.error(), log);
    const std::vector<std::string> words(argv + std::min(argc, 1), argv + argc);
    const auto options = parse_options(words);
    if (!options)
        return fail(options.error(), log);
    if (const auto text = answer(*options)) {
        const auto written = sys::write_all({STDOUT_FILENO}, *text, "stdout");
        return written ? 0 : fail(written.error(), log);
    }
    log.to_file(Settings{}.log);
    if (const auto used = use_debug_file(options->debug, log); !used)
        return fail(used.error(), log);
    auto modules = confine_process(program_name, Modules::can_be_loaded);
    if (!modules)
        return fail(modules.error(), log);
    const auto code = Cli(*options, std::move(*modules), log).run();
    return code ? *code : fail(code.error(), log);
}

} // namespace

int run(int argc, char** argv) {
    Log log(program_name);
    return guard(log, 1, [&] { return run(argc, argv, log); });
}

} // namespace grapnel::cli
