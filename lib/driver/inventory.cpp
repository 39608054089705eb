// SPDX-License-Identifier: Apache-2.0
#include "driver/inventory.hpp"

#include "base/text.hpp"
#include "driver/auxiliary_devices.hpp"
#include "driver/compute_capability.hpp"
#include "driver/driver_libraries.hpp"
#include "driver/driver_version.hpp"
#include "driver/files.hpp"
#include "driver/gpus.hpp"
#include "driver/graphics.hpp"
#include "driver/library_directories.hpp"
#include "driver/management_nodes.hpp"
#include "driver/mig.hpp"
#include "driver/missing_nodes.hpp"
#include "driver/nodes.hpp"
#include "driver/pci.hpp"
#include "driver/program_needs.hpp"
#include "driver/tegra/tegra.hpp"
#include "driver/watched_host.hpp"
#include "driver/wsl/wsl.hpp"

#include <algorithm>
#include <array>

namespace grapnel {

Result<DriverBranch> driver_branch(const sys::HostFs& host) {
    DriverBranch out;
    out.driver_version = GRAPNEL_TRY(driver::driver_version(host));
    out.cuda_version = driver::cuda_of_branch(out.driver_version);
    return out;
}

std::optional<std::uint32_t> group_with_rights(const NodeAttributes& attributes) {
    constexpr std::uint32_t read_and_write = 06;
    const auto of_group = attributes.mode >> 3 & read_and_write;
    const auto of_others = attributes.mode & read_and_write;
    if (attributes.group == 0 || (of_group & ~of_others) == 0)
        return std::nullopt;
    return attributes.group;
}

namespace {

void note_gpus_of_others(const sys::HostFs& host, Inventory& inventory) {
    inventory.gpus_of_others = driver::gpus_of_others(host);
    if (!inventory.gpus_of_others.empty())
        inventory.notices.warn("the nvidia driver holds none of this host's NVIDIA GPUs: "
                               + enumerate(inventory.gpus_of_others));
}

void warn_of_missing_capabilities(const InventoryScope& scope, Inventory& out) {
    using enum DriverCapability;
    constexpr std::array<std::pair<DriverCapability, std::string_view>, 2> first_libraries{
        {{compute, "libcuda.so."}, {utility, "libnvidia-ml.so."}}};
    for (const auto& [capability, name] : first_libraries) {
        const auto is_it = [beginning = name](const Library& library) {
            return library.path.name().starts_with(beginning) && !library.is_32bit;
        };
        if (!scope.driver_capabilities.has(capability) || scope.named_capabilities.has(capability)
            || std::ranges::any_of(out.libraries, is_it))
            continue;
        out.notices.warn("driver capability " + DriverCapabilities{capability}.names().front()
                         + " is left out: this host has no " + std::string(name)
                         + out.driver_version);
    }
}

/// Without these libraries programs draw by the processor, without a message.
void warn_of_missing_drawing(const InventoryScope& scope, Inventory& out) {
    using enum DriverCapability;
    using Names = std::vector<std::string_view>;
    static const std::array<std::pair<DriverCapability, Names>, 2> libraries{
        {{graphics, {"libGLX_nvidia.so.", "libEGL_nvidia.so.", "libnvidia-eglcore.so."}},
         {video, {"libnvcuvid.so.", "libnvidia-encode.so."}}}};
    for (const auto& [capability, names] : libraries) {
        const auto is_one = [&wanted = names](const Library& library) {
            return std::ranges::any_of(wanted, [&](std::string_view beginning) {
                return library.path.name().starts_with(beginning);
            });
        };
        if (scope.named_capabilities.has(capability) && std::ranges::none_of(out.libraries, is_one))
            out.notices.warn("driver capability " + DriverCapabilities{capability}.names().front()
                             + " is asked for, and this host has no " + std::string(names.front())
                             + out.driver_version + ": install that part of the driver");
    }
}

/// A request for compat32 alone brings no library.
void warn_of_missing_32bit(const InventoryScope& scope, Inventory& out) {
    if (scope.named_capabilities.has(DriverCapability::compat32) && !out.libraries.empty()
        && std::ranges::none_of(out.libraries, &Library::is_32bit))
        out.notices.warn("driver capability compat32 is asked for, and this host has no 32-bit "
                         "libraries of driver "
                         + out.driver_version
                         + ": install them (NVIDIA has none for aarch64), or leave compat32 out");
}

void warn_of_missing_smi(const InventoryScope& scope, Inventory& out) {
    static constexpr std::string_view program = "nvidia-smi";
    if (!scope.named_capabilities.has(DriverCapability::utility)
        || std::ranges::any_of(out.binaries,
                               [](const Binary& binary) { return binary.name == program; }))
        return;
    out.notices.warn(std::string(program)
                     + " was not found on this host, and driver capability utility is asked "
                       "for: install it, or name its directory in binary-search-path");
}

/// Devices of other modules do not depend on the driver root.
void add_special_devices(const sys::HostFs& host, const driver::Majors& majors,
                         const InventoryScope& scope, Inventory& out) {
    Notices unsaid; // a request for every node is no request for channels
    out.imex_channels = driver::imex_channels(host, majors, scope.imex_channels,
                                              scope.all_nodes ? unsaid : out.notices);
    out.group_devices = driver::group_devices(host, majors, scope.device_groups, out.notices);
}

Result<Inventory> with_special_devices(const sys::HostFs& host, const InventoryScope& scope,
                                       Result<Inventory> inventory) {
    if (inventory)
        add_special_devices(host, driver::character_majors(host), scope, *inventory);
    return inventory;
}

Inventory without_driver(const sys::HostFs& host, const InventoryScope& scope) {
    Inventory out;
    if (auto version = driver::driver_version(host))
        out.driver_version = std::move(*version);
    const auto majors = driver::character_majors(host);
    add_special_devices(host, majors, scope, out);
    driver::mark_missing_nodes(host, majors, scope, out);
    return out;
}

/// Everything but GPUs and device nodes.
Status add_files(const sys::HostFs& host, const InventoryScope& scope,
                 const std::vector<driver::LibraryDirectory>& directories, Inventory& out) {
    const auto wanted = scope.driver_capabilities;
    out.libraries =
        GRAPNEL_TRY(driver::libraries(host, directories, out.driver_version, wanted, out.notices));
    warn_of_missing_capabilities(scope, out);
    if (scope.cuda_version)
        out.cuda_version = driver::cuda_version(host, directories, out.driver_version);
    if (scope.arch) {
        for (auto& gpu : out.gpus)
            gpu.arch = driver::compute_capability(host, gpu.pci);
        out.management_library = driver::management_library(host, directories, out.driver_version);
    }
    out.binaries = driver::binaries(host, scope, directories);
    warn_of_missing_32bit(scope, out);
    warn_of_missing_smi(scope, out);
    warn_of_missing_drawing(scope, out);
    out.same_places = driver::program_needs(host, scope.readable.read, out.binaries, out.notices);
    out.firmware = driver::firmware(host, out.driver_version);
    out.config_files = driver::config_files(host, scope, directories, out.notices);
    out.x_server_modules = driver::x_server_modules(host, out.driver_version, wanted, directories);
    out.sockets = driver::sockets(host, wanted);
    out.socket_directories = driver::socket_directories(host, wanted);
    out.proc_files = driver::proc_files(host);
    return {};
}

Result<Inventory> inventory_of(const sys::HostFs& host, const InventoryScope& scope) {
    if (!scope.driver)
        return without_driver(host, scope);
    if (scope.csv.use == CsvScope::Use::always)
        return with_special_devices(host, scope, driver::from_csv_lists(host, scope));
    const auto wanted = scope.driver_capabilities;
    Inventory out;
    auto version = driver::driver_version(host);
    if (!version && driver::is_wsl(host))
        return with_special_devices(host, scope, driver::of_wsl(host, scope));
    if (!version && driver::is_served_by_csv_lists(host, scope.csv, {}))
        return with_special_devices(host, scope, driver::from_csv_lists(host, scope));
    out.driver_version = GRAPNEL_TRY(std::move(version).about(Error::Subject::driver));
    const auto majors = driver::character_majors(host);
    auto gpus = GRAPNEL_TRY(driver::gpus(host, majors, scope.known_gpus, out.notices));
    out.gpus = std::move(gpus.gpus);
    out.known_gpus = std::move(gpus.known);
    if (driver::is_served_by_csv_lists(host, scope.csv, out.gpus))
        return with_special_devices(host, scope, driver::from_csv_lists(host, scope));
    if (wanted.wants_graphics())
        for (auto& gpu : out.gpus)
            gpu.drm_nodes = driver::drm_nodes(host, majors, gpu.pci, out.notices);
    if (scope.mig_devices)
        driver::add_mig_devices(host, majors, out.gpus, out.notices);
    if (scope.mig_management)
        out.mig_management = driver::mig_management(host, majors);
    add_special_devices(host, majors, scope, out);
    if (out.gpus.empty())
        note_gpus_of_others(host, out);
    out.control_nodes = driver::control_nodes(host, majors, wanted);
    if (scope.all_nodes)
        out.other_nodes = driver::other_nodes(host, majors, out, out.notices);
    driver::mark_missing_nodes(host, majors, scope, out);
    auto found =
        GRAPNEL_TRY(driver::library_directories(host, scope, out.driver_version, out.notices)
                        .about(Error::Subject::driver));
    out.known_directories = std::move(found.known);
    GRAPNEL_TRY(add_files(host, scope, found.directories, out));
    return out;
}

} // namespace

Result<Inventory> take_inventory(const sys::HostFs& host, const InventoryScope& scope) {
    const driver::WatchedHost watched(host, scope.readable);
    auto out = inventory_of(watched, scope);
    if (watched.failure() && (out || !sys::is_without_answer(out.error())))
        return *watched.failure();
    return out;
}

} // namespace grapnel
