// SPDX-License-Identifier: Apache-2.0
// grapnel explain: the page of a finding, or the hook's work for a container with its reasons.
#include "apply/container.hpp"
#include "base/format.hpp"
#include "base/text.hpp"
#include "confine/confined_child.hpp"
#include "confine/phase.hpp"
#include "confine/supervise.hpp"
#include "containers.hpp"
#include "doctor/finding.hpp"
#include "explain/decisions.hpp"
#include "explain/image.hpp"
#include "explain/report.hpp"
#include "explain/subject.hpp"
#include "log_file.hpp"
#include "look.hpp"
#include "oci/hooks.hpp"
#include "oci/spec.hpp"
#include "prepare/confinement.hpp"
#include "prepare/planner.hpp"
#include "prepare/settings_file.hpp"
#include "request/request.hpp"
#include "sys/privilege.hpp"

#include <algorithm>
#include <array>

namespace grapnel {

namespace {

using namespace explanation;

/// The rights of this process after its confinement.
struct Confined {
    Description description = {};
    std::optional<HostPath> rootfs = {}; ///< of the container, as the host sees it
};

Status print_page(const doctor_command::Page& page) {
    return say(format_text("{}: {}\n\n{}: {}\n", doctor_command::name_of(page), page.title,
                           doctor_command::name_of(page.severity), page.text));
}

/// GR and digits, in letters of either case; nothing for another word.
std::optional<std::string> code_of(std::string_view word) {
    constexpr std::size_t letters = 2;
    if (word.size() <= letters || (word[0] | 0x20) != 'g' || (word[1] | 0x20) != 'r'
        || !parse_number<unsigned>(word.substr(letters)))
        return std::nullopt;
    return "GR" + std::string(word.substr(letters));
}

bool is_our_hook(std::string_view path) {
    constexpr std::array<std::string_view, 4> names{"grapnel-hook", "nvidia-container-runtime-hook",
                                                    "nvidia-container-toolkit",
                                                    "nvidia-container-cli"};
    const auto name = path.substr(path.rfind('/') + 1);
    return std::ranges::find(names, name) != names.end();
}

/// The entered hook, of Grapnel or NVIDIA, that gives the driver; empty if there is no such hook.
std::optional<SpecHook> entered_hook(const std::vector<SpecHook>& hooks) {
    const auto gives = [](const SpecHook& hook) {
        return hook.stage != "poststop" && hook.stage != "poststart"
               && (is_our_hook(hook.path) || std::ranges::any_of(hook.arguments, is_our_hook));
    };
    const auto found = std::ranges::find_if(hooks, gives);
    return found == hooks.end() ? std::nullopt : std::optional(*found);
}

/// The variables for which nvidia-container-cli does the same as its command line says (ctr
/// --gpus).
void add_cli_request(const SpecHook& hook, Spec& spec) {
    constexpr std::string_view device = "--device=";
    std::string devices;
    std::string capabilities;
    for (const auto& word : hook.arguments)
        if (word.starts_with(device))
            devices += (devices.empty() ? "" : ",") + word.substr(device.size());
        else if (word.starts_with("--") && driver_capability(word.substr(2)))
            capabilities += (capabilities.empty() ? "" : ",") + word.substr(2);
    if (devices.empty())
        return;
    spec.environment.push_back("NVIDIA_VISIBLE_DEVICES=" + devices);
    spec.environment.push_back("NVIDIA_DRIVER_CAPABILITIES=" + capabilities);
}

std::string way_to_the_hook(const std::string& engine) {
    if (engine == "docker")
        return "start it with 'docker run --runtime=nvidia', or '--gpus all'; 'grapnel configure "
               "docker' enters the runtime";
    if (engine == "podman")
        return "'grapnel configure podman' enters the hook; without root name it in "
               "containers.conf(5)";
    if (engine == "cri" || engine == "cri-o")
        return "give the pod 'runtimeClassName: nvidia'";
    if (engine == "containerd")
        return "start it with 'ctr run --gpus 0', or '--runc-binary grapnel-runtime'";
    return "start it with grapnel-runtime in place of runc or crun";
}

/// For a container without config.json: it does not run, or LXC started it.
Decision hook_without_config(const Subject& subject, Report& report) {
    if (subject.engine.empty())
        return {.about = "hook", .result = "taken to be called"};
    if (subject.has_driver)
        return {.about = "hook", .result = "called", .reason = "the container has the driver"};
    if (subject.asks_engine_for_gpus)
        return {.about = "hook", .result = "called", .reason = "docker run --gpus"};
    const auto reason = subject.runtime.empty()
                            ? std::string("the container shows nothing of the driver")
                            : "the container's runtime is " + quote(subject.runtime);
    const bool is_plain = subject.runtime == "runc" || subject.runtime == "crun";
    if (subject.engine == "podman") // it runs hooks of hooks.d with every runtime
        return {.about = "hook", .result = "not known", .reason = "it does not run"};
    if (!subject.runtime.empty() && !is_plain)
        return {.about = "hook", .result = "called", .reason = reason};
    report.outcome = Report::Outcome::not_called;
    return {.about = "hook", .result = "not called", .reason = reason};
}

/// Whether a hook of Grapnel's is called for it, as a decision. Its arguments can ask as well.
Result<Decision> hook_decision(const Subject& subject, Spec& spec, Report& report) {
    if (subject.config.empty())
        return hook_without_config(subject, report);
    if (const auto hook = entered_hook(GRAPNEL_TRY(parse_hooks(subject.config)))) {
        add_cli_request(*hook, spec);
        return Decision{
            .about = "hook", .result = "called", .reason = hook->path + " at " + hook->stage};
    }
    report.outcome = Report::Outcome::not_called;
    return Decision{.about = "hook",
                    .result = "not called",
                    .reason = "hooks in " + (*subject.bundle / "config.json").text()
                              + " name no program of Grapnel"};
}

Result<Spec> spec_of(const Subject& subject, const Settings& settings) {
    if (!subject.config.empty())
        return parse_spec(subject.config, annotation_prefixes(settings));
    return Spec{.environment = subject.environment, .bounding_sys_admin = subject.privileged};
}

void warn_of_images_driver(sys::RootDir& root, const Plan& plan, Notices& warnings) {
    const auto found = driver_libraries_in(root, plan);
    if (found.empty())
        return;
    const auto others = found.size() - 1;
    warnings.warn(found.front().text()
                  + (others == 0
                         ? " is a driver library of the image"
                         : format_text(" and {} more are driver libraries of the image", others))
                  + ", which the host's hide: build the image without them");
}

/// In the image where its root file system can be opened here, else without it.
Result<Plan> plan_of(const PreparedPlanner& planner, const std::optional<HostPath>& rootfs,
                     Notices& warnings) {
    if (!rootfs)
        return planner.plan_without_image();
    auto root = apply::open_rootfs(*rootfs);
    if (!root)
        return planner.plan_without_image();
    auto plan = GRAPNEL_TRY(planner.plan_for(*root));
    warn_of_images_driver(*root, plan, warnings);
    return plan;
}

void add_plan(Confined confined, const LoadedSettings& loaded, const Request& request,
              Report& report) {
    Log log("grapnel");
    log.collect_warnings(report.warnings);
    ModuleLoader modules;
    Planner planner(loaded.settings, log, modules, Planner::DryRun::yes);
    planner.work_within(std::move(confined.description));
    const auto prepared = std::move(planner).prepare(request);
    const auto plan = prepared ? plan_of(*prepared, confined.rootfs, report.warnings)
                               : Result<Plan>(prepared.error());
    if (!plan) {
        report.outcome = Report::Outcome::denied;
        report.summary = "its start is refused: " + plan.error().text();
        return;
    }
    report.plan = *plan;
    const auto gpus = host_gpus().size();
    report.left_out = left_out_of(request, loaded.settings, *plan, gpus);
    report.summary = format_text("gets {} of {} GPUs of driver {}", plan->gpus.size(), gpus,
                                 plan->driver_version);
}

/// The reason why nothing is given is mostly a warning already.
std::string nothing_given(const Asked& asked) {
    if (!asked.no_request.empty())
        return asked.no_request;
    return asked.notices.list.empty() ? "asks for no GPU" : asked.notices.list.front().text;
}

void add_request(Confined confined, const Spec& spec, const LoadedSettings& loaded,
                 Report& report) {
    const auto asked = resolve_request(spec, loaded);
    const auto decisions =
        decisions_of(spec, loaded, asked ? asked->request : std::optional<Request>());
    report.decisions.insert(report.decisions.end(), decisions.begin(), decisions.end());
    if (!asked) {
        report.outcome = Report::Outcome::denied;
        report.summary = "its start is refused: " + asked.error().text();
        return;
    }
    report.warnings = asked->notices;
    if (!asked->request) {
        report.outcome = Report::Outcome::nothing;
        report.summary = nothing_given(*asked);
        return;
    }
    report.outcome = Report::Outcome::given;
    add_plan(std::move(confined), loaded, *asked->request, report);
}

Result<Report> report_on(const Subject& subject, const LoadedSettings& loaded, Confined confined) {
    Report report{.container = subject.id,
                  .engine = subject.engine,
                  .bundle = subject.bundle ? subject.bundle->text() : ""};
    auto spec = GRAPNEL_TRY(spec_of(subject, loaded.settings));
    report.decisions.push_back(GRAPNEL_TRY(hook_decision(subject, spec, report)));
    const bool is_called = report.outcome != Report::Outcome::not_called;
    add_request(std::move(confined), spec, loaded, report);
    if (!is_called) {
        report.outcome = Report::Outcome::not_called;
        report.summary =
            "no hook of Grapnel's is called for it: " + way_to_the_hook(subject.engine);
    }
    if (!subject.failure.empty())
        report.warnings.warn("the engine says: " + subject.failure);
    if (!subject.engine.empty() && !loaded.settings.log.empty())
        report.log = lines_of_last_start(loaded.settings.log, subject.id);
    return report;
}

/// As the hook's dry run: this process can change and execute nothing from then on, and reads the
/// driver, the log and the image alone.
Result<Confined> confine(const Subject& subject, const Settings& settings) {
    GRAPNEL_TRY(sys::confine_process());
    GRAPNEL_TRY(confine_process("grapnel", Modules::stay));
    GRAPNEL_TRY(confine::enter_phase(confine::Phase::read_host));
    Confined out;
    std::vector<HostPath> read;
    if (!subject.config.empty())
        if (const auto rootfs = apply::rootfs_by_config(subject.config, *subject.bundle))
            out.rootfs = *rootfs;
    if (out.rootfs)
        read.push_back(*out.rootfs);
    if (!settings.log.empty())
        read.push_back(settings.log);
    out.description =
        GRAPNEL_TRY(confine_description(settings, Log("grapnel"), HostChanges::none, read));
    return out;
}

/// Nothing of the container is parsed before this process is confined.
Result<std::string> text_of(const LookArguments& arguments, const Terminal& terminal) {
    const auto subject = GRAPNEL_TRY(find_subject(arguments));
    const auto loaded = load_settings(std::nullopt, Variables::count);
    auto confined = GRAPNEL_TRY(confine(subject, loaded.settings));
    const auto report = GRAPNEL_TRY(report_on(subject, loaded, std::move(confined)));
    return arguments.options.json ? json_text(report) : tree_text(report, terminal);
}

Status run_explain(const LookArguments& arguments) {
    constexpr std::size_t most_text = std::size_t{64} << 20;
    const auto& operands = arguments.operands;
    if (const auto code = operands.size() == 1 ? code_of(operands.front()) : std::nullopt) {
        const auto* const page = doctor_command::find_page(*code);
        return page != nullptr ? print_page(*page)
                               : Status(wrong_operand(explain_command(),
                                                      "there is no finding " + quote(*code)));
    }
    GRAPNEL_TRY(check_subject(arguments));
    const auto terminal = Terminal::of_stdout();
    const auto work = [&] { return text_of(arguments, terminal); };
    return say(
        GRAPNEL_TRY(confine::work_within(confine::container_time_limit_ms, most_text, work)));
}

} // namespace

int explain(std::span<const std::string> words) {
    return look(grapnel::explain_command(), words, run_explain);
}

} // namespace grapnel
