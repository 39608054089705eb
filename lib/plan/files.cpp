// SPDX-License-Identifier: Apache-2.0
// Libraries, programs, firmware and sockets, and the links that belong to them.
#include "plan/files.hpp"

#include "base/text.hpp"

#include <algorithm>

namespace grapnel::plan {

namespace {

using Kind = Mount::Kind;

std::string_view stem(std::string_view name) {
    return name.substr(0, name.find(".so"));
}

/// Links that programs expect beside the SONAME's and that ldconfig would not make.
void add_extra_links(Plan& plan, const InsidePath& directory, const Library& library) {
    const auto name = library.path.name();
    const auto add = [&](const std::string& link, const std::string& target) {
        plan.links.push_back({.inside = directory / link, .target = target, .optional = true});
    };
    if (library.plain_link)
        add(std::string(stem(name)) + ".so",
            library.soname.empty() ? std::string(name) : library.soname);
    if (stem(name) == "libcuda")
        add("libcuda.so", "libcuda.so.1");
    if (stem(name) == "libnvidia-opticalflow")
        add("libnvidia-opticalflow.so", "libnvidia-opticalflow.so.1");
    if (stem(name) == "libGLX_nvidia")
        add("libGLX_indirect.so.0", std::string(name));
    if (stem(name) == "libnvidia-vulkan-producer")
        add("libnvidia-vulkan-producer.so", std::string(name));
    // Mesa's libgbm looks for its backends there, by the name of the kernel's driver
    if (stem(name) == "libnvidia-allocator" && plan.driver_capabilities.wants_graphics())
        add("gbm/nvidia-drm_gbm.so", "../libnvidia-allocator.so.1");
}

void add_library(Plan& plan, const Library& library, const ImageLayout& image) {
    const auto& home = library.is_32bit ? image.libraries_32bit : image.libraries;
    const auto directory = library.subdirectory.empty() ? home : home / library.subdirectory;
    const auto name = library.path.name();
    plan.mounts.push_back({.kind = library.is_32bit ? Kind::library32 : Kind::library,
                           .host = library.path,
                           .inside = directory / name,
                           .soname = library.soname.empty() ? std::string(name) : library.soname});
    if (!library.soname.empty() && library.soname != name)
        plan.links.push_back({directory / library.soname, std::string(name)});
    add_extra_links(plan, directory, library);
    if (library.subdirectory.empty()
        && std::ranges::find(plan.library_directories, home) == plan.library_directories.end())
        plan.library_directories.push_back(home);
}

/// A capability that is asked for by name is refused without its first library. By `all` and by
/// default a driver for drawing alone, or without its tools, gives its libraries (see the warnings
/// of the inventory).
Status require_library(const Inventory& inventory, DriverCapability capability,
                       std::string_view name) {
    const bool there = std::ranges::any_of(inventory.libraries, [&](const auto& library) {
        return stem(library.path.name()) == name && !library.is_32bit;
    });
    if (there)
        return {};
    const auto file = std::string(name) + ".so." + inventory.driver_version;
    return refused("driver capability "
                       + std::string(driver_capability_names[static_cast<std::size_t>(capability)])
                       + " needs " + file + ", which this host does not have",
                   "install it, or leave the capability out of NVIDIA_DRIVER_CAPABILITIES");
}

bool is_wanted(const HostPath& socket, const Request& request) {
    const std::string daemon(socket.parent().name());
    return (request.persistenced || daemon != "nvidia-persistenced")
           && (request.fabricmanager || daemon != "nvidia-fabricmanager");
}

} // namespace

Status add_files(Plan& plan, const Request& request, const Inventory& inventory,
                 const ImageLayout& image) {
    if (request.named_capabilities.has(DriverCapability::compute))
        GRAPNEL_TRY(require_library(inventory, DriverCapability::compute, "libcuda"));
    if (request.named_capabilities.has(DriverCapability::utility))
        GRAPNEL_TRY(require_library(inventory, DriverCapability::utility, "libnvidia-ml"));
    for (const auto& library : inventory.libraries)
        add_library(plan, library, image);
    for (const auto& binary : inventory.binaries)
        plan.mounts.push_back({.kind = Kind::binary,
                               .host = binary.path,
                               .inside = inside_path("/usr/bin") / binary.name});
    for (const auto& file : inventory.firmware) {
        if (!request.gsp_firmware)
            break;
        plan.mounts.push_back(
            {.kind = Kind::firmware,
             .host = file,
             .inside = inside_path("/lib/firmware/nvidia") / inventory.driver_version / file.name(),
             .optional = true});
    }
    const auto add_socket = [&](const HostPath& path, bool directory) -> Status {
        auto inside = GRAPNEL_TRY(InsidePath::make(path.text()));
        plan.mounts.push_back({.kind = Kind::ipc,
                               .host = path,
                               .inside = std::move(inside),
                               .directory = directory,
                               .optional = true});
        return {};
    };
    for (const auto& path : inventory.sockets)
        if (is_wanted(path, request))
            GRAPNEL_TRY(add_socket(path, false));
    for (const auto& path : inventory.socket_directories)
        GRAPNEL_TRY(add_socket(path, true));
    return {};
}

} // namespace grapnel::plan
