// SPDX-License-Identifier: Apache-2.0
#include "prepare/planner.hpp"

#include "apply/container.hpp"
#include "base/text.hpp"
#include "confine/confined_child.hpp"
#include "confine/phase.hpp"
#include "driver/serialized_inventory.hpp"
#include "image/compat_library.hpp"
#include "image/layout.hpp"
#include "plan/make_plan.hpp"
#include "plan/mig_names.hpp"
#include "plan/requirements.hpp"
#include "plan/scope.hpp"
#include "plan/select.hpp"
#include "prepare/state_file.hpp"
#include "sys/file.hpp"
#include "sys/node.hpp"

#include <algorithm>
#include <chrono>
#include <map>
#include <new>

namespace grapnel {

namespace {

constexpr auto gpus_file = "gpus";
constexpr auto directories_file = "directories";
constexpr std::size_t boot_id_limit = 4096;
constexpr std::size_t look_limit = serialized_inventory_limit + (std::size_t{64} << 10);

const sys::HostFs& this_host() {
    static const sys::LinuxHostFs host;
    return host;
}

Result<std::string> boot_id() {
    return sys::read_host_file(host_path("/proc/sys/kernel/random/boot_id"), boot_id_limit);
}

std::vector<KnownDirectory> known_directories() {
    const auto text = read_state_file(directories_file);
    return text ? parse_known_directories(*text) : std::vector<KnownDirectory>();
}

/// A file's time is the kernel's last tick, and on the coarsest file system a whole second.
std::int64_t moments_ago_ns() {
    namespace chrono = std::chrono;
    const auto then = chrono::system_clock::now() - chrono::seconds(2);
    return chrono::duration_cast<chrono::nanoseconds>(then.time_since_epoch()).count();
}

/// Warnings, one for each loader: an image with musl, or without a dynamic loader, lacks glibc's.
std::vector<std::string> programs_without_loader(const Inventory& inventory, sys::RootDir& root) {
    std::map<std::string, std::vector<std::string>> programs;
    for (const auto& binary : inventory.binaries)
        if (!binary.loader.empty())
            programs[binary.loader].push_back(binary.name);
    std::vector<std::string> warnings;
    for (const auto& [loader, names] : programs)
        if (!image::has_loader(root, loader))
            warnings.push_back(loader + ": the image lacks this loader, without which "
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

/// Without the file, or with a damaged one, the driver is asked. The kernel counts the bindings
/// of a driver from the start of the machine: another boot knows nothing.
std::vector<KnownGpu> known_gpus_of_this_boot() {
    const auto text = read_state_file(gpus_file);
    const auto boot = boot_id();
    return text && boot && text->starts_with(*boot) ? parse_known_gpus(*text)
                                                    : std::vector<KnownGpu>();
}

Result<LoadedPlanner> Planner::load_modules(Request request) && {
    request_ = std::move(request);
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
    planner_.say(inventory.remarks);
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
        ask_probe(inventory, settings_, confined_.probe, dry_run_ ? Keep::no : Keep::yes, log_);
    return std::optional(std::move(inventory));
}

/// A host without a GPU has nothing to ask the library for.
Result<Inventory> Planner::described_inventory() {
    auto inventory = GRAPNEL_TRY(take_inventory_with(true));
    GRAPNEL_TRY(place_management_library(inventory));
    if (!inventory.gpus.empty() && !inventory.pass_through)
        ask_probe(inventory, settings_, confined_.probe, dry_run_ ? Keep::no : Keep::yes, log_);
    return inventory;
}

Status Planner::place_management_library(Inventory& inventory) const {
    if (rooted_ && !inventory.management_library.empty())
        inventory.management_library =
            GRAPNEL_TRY(rooted_->place(inventory.management_library, true));
    return {};
}

Result<Inventory> Planner::take_inventory_with(bool arch) const {
    const auto known = known_gpus_of_this_boot();
    auto scope = inventory_scope(request_, settings_);
    scope.cuda_version = dry_run_ || describes_ || !request_.requirements.empty();
    scope.arch = arch;
    scope.readable = confined_.readable;
    scope.known_gpus = known;
    scope.known_directories = known_directories();
    scope.unchanged_since_ns = moments_ago_ns();
    scope.may_make_nodes = [&] { return settings_.load_kmods && sys::may_make_nodes(); };
    auto inventory = GRAPNEL_TRY(look_at_host(scope));
    if (!dry_run_ && inventory.known_gpus != known)
        if (const auto boot = boot_id())
            keep_state_file(gpus_file, *boot + to_text(inventory.known_gpus), log_);
    if (!dry_run_ && inventory.known_directories != scope.known_directories)
        keep_state_file(directories_file, to_text(inventory.known_directories), log_);
    return inventory;
}

/// The output of the child is not trusted: a line, which says why Landlock does not confine it or
/// is empty, and the inventory.
Result<Inventory> Planner::look_at_host(const InventoryScope& scope) const {
    if (!looks_apart_)
        return take_inventory(host(), scope);
    const auto output =
        GRAPNEL_TRY(confine::look_apart(look_limit, [&] { return look_confined(scope); }));
    const std::string_view bytes = output;
    const auto end = std::min(bytes.find('\n'), bytes.size());
    if (end > 0)
        log_.debug("look at the host: " + fit_line(bytes.substr(0, end)));
    return parse_serialized_inventory(bytes.substr(std::min(end + 1, bytes.size())));
}

Result<std::string> Planner::look_confined(InventoryScope scope) const {
    try {
        const bool may_make_nodes = scope.may_make_nodes(); // as this process's parent may
        scope.may_make_nodes = [=] { return may_make_nodes; };
        auto look = GRAPNEL_TRY(confine_look(settings_));
        scope.readable = std::move(look.readable);
        return (look.landlock ? "" : look.landlock.error().text()) + "\n"
               + serialize(take_inventory(host(), scope));
    } catch (const std::bad_alloc&) {
        return refused(out_of_memory);
    }
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

void Planner::say(const std::vector<std::string>& remarks) const {
    for (const auto& remark : remarks)
        log_.warning(remark);
}

const sys::HostFs& Planner::host() const {
    return rooted_ ? static_cast<const sys::HostFs&>(*rooted_) : this_host();
}

Result<Inventory> PreparedPlanner::inventory() const {
    GRAPNEL_TRY(confine::enter_phase(confine::Phase::read_host));
    auto inventory = inventory_ ? *inventory_ : GRAPNEL_TRY(planner_.take_inventory_with(false));
    planner_.say(inventory.remarks);
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
    planner_.say(programs_without_loader(inventory, root));
    if (!planner_.request_.forward_compat)
        return layout;
    auto compat = GRAPNEL_TRY(image::find_compat_library(
        root, inventory.pass_through && inventory.pass_through->csv_compat
                  ? planner_.settings_.csv_compat_directory
                  : compat_directory()));
    planner_.say(compat.remarks);
    layout.compat = std::move(compat.library);
    return layout;
}

Result<Plan> DescribedHost::plan_without_image(const Request& request) const {
    return planner_.placed_on_host(
        GRAPNEL_TRY(make_plan(request, narrowed(inventory_, request), ImageLayout())));
}

} // namespace grapnel
