// SPDX-License-Identifier: Apache-2.0
#include "hook.hpp"

#include "apply/apply.hpp"
#include "apply/forward_compat.hpp"
#include "apply/residue.hpp"
#include "inventory/inventory.hpp"
#include "inventory/rooted_host.hpp"
#include "log.hpp"
#include "modules.hpp"
#include "oci/spec.hpp"
#include "oci/state.hpp"
#include "options.hpp"
#include "plan/mig_names.hpp"
#include "plan/plan.hpp"
#include "plan/requirements.hpp"
#include "plan/scope.hpp"
#include "probe.hpp"
#include "request/request.hpp"
#include "settings_file.hpp"
#include "state_file.hpp"
#include "sys/node.hpp"
#include "sys/privilege.hpp"
#include "sys/seccomp.hpp"

#include <memory>
#include <optional>
#include <unistd.h>

namespace grapnel {

namespace {

Result<State> read_state() {
    const auto text = GRAPNEL_TRY(sys::read_all({STDIN_FILENO}, state_size_limit, "stdin"));
    return parse_state(text);
}

Result<Spec> read_spec(const State& state) {
    const auto path = state.bundle / "config.json";
    const auto text = GRAPNEL_TRY(sys::read_host_file(path, spec_size_limit)
                                      .note("the bundle")
                                      .cure("it must hold the container's config.json"));
    return parse_spec(text);
}

constexpr std::size_t boot_id_limit = 4096;

class Hook {
  public:
    Hook(const Options& options, Log& log) : options_(options), log_(log) {}

    Status run() {
        const auto state = GRAPNEL_TRY(read_state());
        GRAPNEL_TRY(sys::enter_phase(sys::Phase::read_host));
        log_.of_container(state.id);
        switch (options_.stage) {
        case Stage::prestart:
        case Stage::create_runtime:
            return give(state);
        case Stage::poststop:
            return clean_up(state);
        case Stage::poststart:
            break;
        }
        return {};
    }

  private:
    /// What there is to do, as far as it is known when the filter is loaded.
    struct Task {
        const State& state;
        const Spec& spec;
        const Settings& settings;
        const Request& request;
        std::optional<Inventory> inventory; ///< nothing: it is still to be taken
    };

    Status give(const State& state) {
        const auto settings = GRAPNEL_TRY(load_settings(options_));
        if (!options_.dry_run)
            log_.to_file(settings.log);
        const auto spec = GRAPNEL_TRY(read_spec(state));
        const auto asked = GRAPNEL_TRY(make_request(spec, settings));
        say(asked.remarks);
        if (!asked.request)
            return options_.dry_run ? print(std::nullopt) : Status();
        rooted_ = GRAPNEL_TRY(rooted_host(plain_, settings.driver_root, settings.device_root));
        module_trouble_ = GRAPNEL_TRY(
            load_modules(settings, asked.request->driver_capabilities, options_.dry_run));
        if (!module_trouble_.empty())
            say({module_trouble_});
        auto inventory = GRAPNEL_TRY(early_inventory(*asked.request, settings));
        GRAPNEL_TRY(sys::filter_hook());
        const Task task{state, spec, settings, *asked.request, std::move(inventory)};
        return options_.dry_run && !state.pid ? plan_for_rootfs(task) : serve(task);
    }

    /// Settings that cannot be read do not keep the root file system from being tidied.
    Status clean_up(const State& state) {
        if (options_.dry_run)
            return {};
        if (const auto settings = load_settings(options_))
            log_.to_file(settings->log);
        GRAPNEL_TRY(sys::end_host_changes(sys::HostChanges::all));
        GRAPNEL_TRY(sys::filter_hook());
        GRAPNEL_TRY(sys::enter_phase(sys::Phase::clean_up));
        return apply::remove_residue(state);
    }

    /// The filter has no way to start grapnel-probe, which must be able to open a GPU; so whether
    /// it has to be asked must be known before. A request that can come to that (few do: most
    /// requirements are decided by the driver's branch) has its inventory taken first, which
    /// reads the host's own files and nothing of the container. All others are served behind
    /// the filter from the first look at the host.
    Result<std::optional<Inventory>> early_inventory(const Request& request,
                                                     const Settings& settings) const {
        if (!names_gpu(request) && !names_mig_uuid(request))
            return std::optional<Inventory>();
        const auto branch = driver_branch(sys::LinuxHostFs());
        // without a driver the plan says so
        if (!branch || !(names_mig_uuid(request) || may_need_probe(request, *branch)))
            return std::optional<Inventory>();
        auto inventory = GRAPNEL_TRY(inventory_for(request, settings, true));
        if (rooted_ && !inventory.management_library.empty())
            inventory.management_library =
                GRAPNEL_TRY(rooted_->place(inventory.management_library, true));
        if (needs_mig_uuids(request, inventory) || needs_probe(request, inventory))
            ask_probe(inventory, settings, options_.dry_run ? Keep::no : Keep::yes, log_);
        return std::optional(std::move(inventory));
    }

    Result<Inventory> inventory_for(const Request& request, const Settings& settings,
                                    bool arch) const {
        const auto known = known_gpus();
        auto scope = inventory_scope(request, settings);
        scope.cuda_version = options_.dry_run || !request.requirements.empty();
        scope.arch = arch;
        scope.known_gpus = known;
        scope.may_make_nodes = [&] { return settings.load_kmods && sys::may_make_nodes(); };
        auto inventory = GRAPNEL_TRY(take_inventory(host(), scope));
        if (!options_.dry_run && inventory.known_gpus != known)
            keep(inventory.known_gpus);
        return inventory;
    }

    /// A module that could not be loaded is mostly why there is no plan.
    Result<Plan> make_plan_for(const Task& task, sys::RootDir& root) const {
        auto plan = plan_of_host(task, root);
        return module_trouble_.empty() ? plan : std::move(plan).note(module_trouble_);
    }

    Result<Plan> plan_of_host(const Task& task, sys::RootDir& root) const {
        GRAPNEL_TRY(sys::enter_phase(sys::Phase::read_host));
        const auto inventory = task.inventory
                                   ? *task.inventory
                                   : GRAPNEL_TRY(inventory_for(task.request, task.settings, false));
        say(inventory.remarks);
        GRAPNEL_TRY(sys::enter_phase(sys::Phase::look_inside));
        auto plan = GRAPNEL_TRY(
            make_plan(task.request, inventory, look_at_image(task, inventory.platform, root)));
        if (rooted_) {
            GRAPNEL_TRY(sys::enter_phase(sys::Phase::read_host));
            GRAPNEL_TRY(relocate(plan, [&](const HostPath& path, bool follow) {
                return rooted_->place(path, follow);
            }));
        }
        return plan;
    }

    ImageLayout look_at_image(const Task& task, Platform platform, sys::RootDir& root) const {
        auto layout = apply::image_layout(root);
        if (!task.request.forward_compat)
            return layout;
        auto compat = apply::find_compat_library(root, platform == Platform::tegra
                                                           ? task.settings.csv_compat_directory
                                                           : compat_directory());
        say(compat.remarks);
        layout.compat = std::move(compat.library);
        return layout;
    }

    /// Without the file, or with a damaged one, the driver is asked. The kernel counts the
    /// bindings of a driver from the start of the machine: another boot knows nothing.
    static std::vector<KnownGpu> known_gpus() {
        const auto text = read_state_file("gpus");
        const auto boot = boot_id();
        return text && boot && text->starts_with(*boot) ? parse_known_gpus(*text)
                                                        : std::vector<KnownGpu>();
    }

    void keep(const std::vector<KnownGpu>& gpus) const {
        if (const auto boot = boot_id())
            keep_state_file("gpus", *boot + to_text(gpus), log_);
    }

    static Result<std::string> boot_id() {
        return sys::read_host_file(host_path("/proc/sys/kernel/random/boot_id"), boot_id_limit);
    }

    Status serve(const Task& task) {
        GRAPNEL_TRY(sys::enter_phase(sys::Phase::look_inside));
        auto container = GRAPNEL_TRY(apply::open_container(task.state, task.spec));
        const auto plan = GRAPNEL_TRY(make_plan_for(task, container.root));
        if (options_.dry_run)
            return print(plan);
        say(GRAPNEL_TRY(
            apply::carry_out(plan, std::move(container), task.spec, task.settings.ldconfig)));
        return {};
    }

    /// The plan for a bundle that no container was made of yet.
    Status plan_for_rootfs(const Task& task) {
        GRAPNEL_TRY(sys::enter_phase(sys::Phase::look_inside));
        const auto rootfs = GRAPNEL_TRY(rootfs_path(task.spec, task.state.bundle));
        auto root = GRAPNEL_TRY(apply::open_rootfs(rootfs));
        return print(GRAPNEL_TRY(make_plan_for(task, root)));
    }

    static Status print(const std::optional<Plan>& plan) {
        return sys::write_all({STDOUT_FILENO}, to_json(plan), "stdout");
    }

    void say(const std::vector<std::string>& remarks) const {
        for (const auto& remark : remarks)
            log_.remark(remark);
    }

    const sys::HostFs& host() const {
        return rooted_ ? static_cast<const sys::HostFs&>(*rooted_) : plain_;
    }

    const Options& options_;
    Log& log_;
    std::string module_trouble_ = {};
    sys::LinuxHostFs plain_ = {};
    std::unique_ptr<RootedHost> rooted_ = {}; ///< where the driver has a root of its own
};

int fail(const Error& error, const Log& log) {
    log.error(error.text());
    return exit_refused;
}

int print(const std::string& text) {
    return sys::write_all({STDOUT_FILENO}, text, "stdout") ? exit_done : exit_refused;
}

} // namespace

int run_hook(int argc, char** argv) {
    Log log;
    if (const auto confined = sys::confine_process(); !confined)
        return fail(confined.error(), log);
    const auto options = parse_options(argc, argv);
    if (!options) {
        log.error(options.error().text());
        (void)sys::write_all({STDERR_FILENO}, usage(), "stderr"); // nobody is left to tell
        return exit_usage;
    }
    if (options->action == Options::Action::help)
        return print(usage());
    if (options->action == Options::Action::version)
        return print("grapnel-hook " GRAPNEL_VERSION "\n");
    log.remarks_to_stderr(options->debug);
    if (!options->dry_run)
        log.to_file(Settings{}.log);
    const auto done = Hook(*options, log).run();
    return done ? exit_done : fail(done.error(), log);
}

} // namespace grapnel
