// SPDX-License-Identifier: Apache-2.0
#include "prepare/planner.hpp"

#include "apply/container.hpp"
#include "base/notices.hpp"
#include "base/text.hpp"
#include "confine/phase.hpp"
#include "image/compat_library.hpp"
#include "image/layout.hpp"
#include "plan/make_plan.hpp"
#include "plan/mig_names.hpp"
#include "plan/requirements.hpp"
#include "plan/scope.hpp"
#include "plan/select.hpp"
#include "prepare/host_look.hpp"

#include <algorithm>
#include <map>

namespace grapnel {

namespace {

const sys::HostFs& this_host() {
    static const sys::LinuxHostFs host;
    return host;
}

/// Warnings, one for each loader: an image with musl, or without a dynamic loader, lacks glibc's.
Notices programs_without_loader(const Inventory& inventory, sys::RootDir& root) {
    std::map<std::string, std::vector<std::string>> programs;
    for (const auto& binary : inventory.binaries)
        if (!binary.loader.empty())
            programs[binary.loader].push_back(binary.name);
    Notices warnings;
    for (const auto& [loader, names] : programs)
        if (!image::has_loader(root, loader))
            warnings.warn(loader + ": the image lacks this loader, without which "
                          + enumerate(names) + " cannot start: use an image with glibc");
    return warnings;
}

/// Whether the kernel may show a GPU without its UUID: such a GPU is never in the GPU info cache,
/// so a host with all GPUs in the cache is not looked at.
bool shows_hidden_uuid(const sys::HostFs& host) {
    const auto gpus = host.list(host_path("/proc/driver/nvidia/gpus"));
    return gpus && gpus->size() > known_gpus_of_this_boot().size();
}

/// The inventory without the IMEX channels and device groups that the request does not ask for: a
/// plan takes all channels and groups of its inventory.
Inventory narrowed(Inventory inventory, const Request& request) {
    if (request.device_groups.empty())
        inventory.group_devices = {};
    const auto& channels = request.imex_channels;
    std::erase_if(inventory.imex_channels, [&](const auto& node) {
        const auto channel = node.expected ? node.expected->minor : minor_limit;
        return !channels.all
               && std::ranges::find(channels.listed, channel) == channels.listed.end();
    });
    return inventory;
}

} // namespace

Result<LoadedPlanner> Planner::load_modules(Request request) && {
    request_ = std::move(request);
    if (caches_suffice_) {
        if (!ModuleLoader::to_load(settings_, request_.driver_capabilities).empty())
            return refused("the request depends on kernel modules that are not loaded");
        return LoadedPlanner(std::move(*this));
    }
    module_trouble_ = GRAPNEL_TRY(modules_.load(settings_, request_.driver_capabilities, dry_run_));
    if (!module_trouble_.empty())
        log_.warning(module_trouble_);
    return LoadedPlanner(std::move(*this));
}

Result<PreparedPlanner> LoadedPlanner::prepare() && {
    GRAPNEL_TRY(planner_.find_driver_root());
    auto inventory = GRAPNEL_TRY(planner_.early_inventory());
    return PreparedPlanner(std::move(planner_), std::move(inventory));
}

Result<DescribedHost> LoadedPlanner::describe() && {
    planner_.describes_ = true;
    GRAPNEL_TRY(planner_.find_driver_root());
    auto inventory = GRAPNEL_TRY(planner_.described_inventory());
    GRAPNEL_TRY(confine::enter_phase(confine::Phase::read_host));
    planner_.log_.write(inventory.notices);
    return DescribedHost(std::move(planner_), std::move(inventory));
}

Result<PreparedPlanner> Planner::prepare(Request request) && {
    return GRAPNEL_TRY(std::move(*this).load_modules(std::move(request))).prepare();
}

Result<DescribedHost> Planner::describe(Request request) && {
    return GRAPNEL_TRY(std::move(*this).load_modules(std::move(request))).describe();
}

Status Planner::find_driver_root() {
    rooted_ = GRAPNEL_TRY(rooted_host(this_host(), settings_.driver_root, settings_.device_root));
    return {};
}

/// The filter has no way to start grapnel-probe, which must be able to open a GPU; so whether it
/// has to be asked must be known before. A request that can come to that (few do: most
/// requirements are decided by the driver's branch) has its inventory taken first, which reads
/// the host's own files and nothing of the container. All others are served behind the filter
/// from the first look at the host.
Result<std::optional<Inventory>> Planner::early_inventory() {
    const bool hidden_uuid = names_gpu_uuid(request_) && shows_hidden_uuid(this_host());
    if (!names_gpu(request_) && !names_mig_uuid(request_) && !hidden_uuid)
        return std::optional<Inventory>();
    const auto branch = driver_branch(this_host());
    // without a driver the plan says so
    if (!branch || !(hidden_uuid || names_mig_uuid(request_) || may_need_probe(request_, *branch)))
        return std::optional<Inventory>();
    auto inventory = GRAPNEL_TRY(take_inventory_with(true));
    GRAPNEL_TRY(place_management_library(inventory));
    if (needs_gpu_uuids(request_, inventory) || needs_mig_uuids(request_, inventory)
        || needs_probe(request_, inventory))
        GRAPNEL_TRY(ask_probe_about(inventory));
    return std::optional(std::move(inventory));
}

/// A host without a GPU has nothing to ask the library for.
Result<Inventory> Planner::described_inventory() {
    auto inventory = GRAPNEL_TRY(take_inventory_with(true));
    GRAPNEL_TRY(place_management_library(inventory));
    if (!inventory.gpus.empty() && !inventory.pass_through)
        GRAPNEL_TRY(ask_probe_about(inventory));
    return inventory;
}

Status Planner::ask_probe_about(Inventory& inventory) {
    if (caches_suffice_)
        return refused("the request depends on an answer of grapnel-probe");
    ask_probe(inventory, settings_, confined_.probe, dry_run_ ? Keep::no : Keep::yes, log_);
    return {};
}

Status Planner::place_management_library(Inventory& inventory) const {
    if (rooted_ && !inventory.management_library.empty())
        inventory.management_library =
            GRAPNEL_TRY(rooted_->place(inventory.management_library, true));
    return {};
}

Result<Inventory> Planner::take_inventory_with(bool arch) const {
    auto scope = inventory_scope(request_, settings_);
    scope.cuda_version = dry_run_ || describes_ || !request_.requirements.empty();
    scope.arch = arch;
    using enum HostLook::Caches;
    return look_at_host({.host = host(),
                         .settings = settings_,
                         .log = log_,
                         .readable = confined_.readable,
                         .in_child = looks_apart_,
                         .caches = dry_run_          ? are_left
                                   : caches_suffice_ ? suffice
                                                     : are_filled},
                        std::move(scope));
}

/// A driver below a root of its own has other paths on the host.
Result<Plan> Planner::placed_on_host(Plan plan) const {
    if (rooted_) {
        GRAPNEL_TRY(confine::enter_phase(confine::Phase::read_host));
        GRAPNEL_TRY(relocate(
            plan, [&](const HostPath& path, bool follow) { return rooted_->place(path, follow); }));
    }
    return plan;
}

const sys::HostFs& Planner::host() const {
    return rooted_ ? static_cast<const sys::HostFs&>(*rooted_) : this_host();
}

Result<Inventory> PreparedPlanner::inventory() const {
    GRAPNEL_TRY(confine::enter_phase(confine::Phase::read_host));
    auto inventory = inventory_ ? *inventory_ : GRAPNEL_TRY(planner_.take_inventory_with(false));
    planner_.log_.write(inventory.notices);
    return inventory;
}

/// A module that could not be loaded is mostly why there is no plan.
template <typename Look>
Result<Plan> PreparedPlanner::plan_with(const Look& look) const {
    const auto make = [&]() -> Result<Plan> {
        const auto facts = GRAPNEL_TRY(inventory());
        GRAPNEL_TRY(confine::enter_phase(confine::Phase::look_inside));
        const auto layout = GRAPNEL_TRY(look(facts));
        return planner_.placed_on_host(GRAPNEL_TRY(make_plan(planner_.request_, facts, layout)));
    };
    const auto& trouble = planner_.module_trouble_;
    auto plan = make();
    return trouble.empty() ? plan : std::move(plan).note(trouble);
}

Result<Plan> PreparedPlanner::plan_for(sys::RootDir& root) const {
    return plan_with([&](const Inventory& inventory) { return look_at_image(inventory, root); });
}

Result<Plan> PreparedPlanner::plan_without_image() const {
    return plan_with([](const Inventory&) { return Result<ImageLayout>(ImageLayout()); });
}

Result<ImageLayout> PreparedPlanner::look_at_image(const Inventory& inventory,
                                                   sys::RootDir& root) const {
    auto layout = GRAPNEL_TRY(image::image_layout(root));
    planner_.log_.write(programs_without_loader(inventory, root));
    if (!planner_.request_.forward_compat)
        return layout;
    auto compat = GRAPNEL_TRY(image::find_compat_library(
        root, inventory.pass_through && inventory.pass_through->csv_compat
                  ? planner_.settings_.csv_compat_directory
                  : compat_directory()));
    planner_.log_.write(compat.notices);
    layout.compat = std::move(compat.library);
    return layout;
}

Result<Plan> DescribedHost::plan_without_image(const Request& request) const {
    return planner_.placed_on_host(
        GRAPNEL_TRY(make_plan(request, narrowed(inventory_, request), ImageLayout())));
}

} // namespace grapnel
