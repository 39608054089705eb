// SPDX-License-Identifier: Apache-2.0
// Needs of programs that draw, beside libraries: the files by which loaders find the driver's
// libraries, modules of the X server, and the nodes of the kernel's graphics subsystem (DRM).
#include "driver/graphics.hpp"

#include "base/text.hpp"
#include "driver/files.hpp"
#include "driver/library_directories.hpp"
#include "driver/library_paths.hpp"
#include "driver/nodes.hpp"
#include "driver/usual_directories.hpp"

#include <algorithm>
#include <array>

namespace grapnel::driver {

namespace {

using enum DriverCapability;

constexpr DriverCapabilities drawing{graphics, display};

/// The place of a file in a container, and its prefix on this host.
enum class Home { share, etc, vulkan };

struct KnownFile {
    Home home;
    std::string_view path;
    DriverCapabilities needed_by;
    bool names_library;
};

#if defined(__x86_64__)
constexpr std::string_view icd_of_machine = "vulkan/icd.d/nvidia_icd.x86_64.json";
constexpr std::string_view icd_of_32bit = "vulkan/icd.d/nvidia_icd.i686.json";
#else
constexpr std::string_view icd_of_machine = "vulkan/icd.d/nvidia_icd.aarch64.json";
constexpr std::string_view icd_of_32bit = "vulkan/icd.d/nvidia_icd.armv7hl.json";
#endif

constexpr std::array<KnownFile, 15> known_files{{
    {Home::share, "glvnd/egl_vendor.d/10_nvidia.json", drawing, true},
    {Home::share, "egl/egl_external_platform.d/09_nvidia_wayland2.json", drawing, true},
    {Home::share, "egl/egl_external_platform.d/10_nvidia_wayland.json", drawing, true},
    {Home::share, "egl/egl_external_platform.d/15_nvidia_gbm.json", drawing, true},
    {Home::share, "egl/egl_external_platform.d/20_nvidia_xcb.json", drawing, true},
    {Home::share, "egl/egl_external_platform.d/20_nvidia_xlib.json", drawing, true},
    {Home::share, "nvidia/nvoptix.bin", drawing, false},
    {Home::share, "X11/xorg.conf.d/10-nvidia.conf", drawing, false},
    {Home::share, "X11/xorg.conf.d/nvidia-drm-outputclass.conf", drawing, false},
    {Home::etc, "OpenCL/vendors/nvidia.icd", {compute}, true},
    {Home::vulkan, "vulkan/icd.d/nvidia_icd.json", drawing, true},
    {Home::vulkan, icd_of_machine, drawing, true},
    {Home::vulkan, icd_of_32bit, {compat32}, true},
    {Home::vulkan, "vulkan/icd.d/nvidia_layers.json", drawing, true},
    {Home::vulkan, "vulkan/implicit_layer.d/nvidia_layers.json", drawing, true},
}};

bool is_wanted(const KnownFile& file, DriverCapabilities wanted) {
    if (file.needed_by == DriverCapabilities{compat32} && !wanted.wants_graphics())
        return false;
    return !(file.needed_by & wanted).empty();
}

/// Directories in the order of the search. An administrator's files in /etc count before the
/// driver's, and these before all others of the host.
std::vector<HostPath> search_path(const InventoryScope& scope, Home home,
                                  const std::vector<LibraryDirectory>& library_directories) {
    auto out = scope.config_search_path;
    out.push_back(host_path("/etc"));
    for (const auto& directory : library_directories) {
        // a driver that is unpacked under a directory of its own has share beside lib or lib64
        const auto prefix = prefix_of(directory.path);
        if (!prefix || *prefix == host_path("/usr") || *prefix == host_path("/"))
            continue;
        out.push_back(*prefix / "share");
        if (home == Home::etc)
            out.push_back(*prefix / "etc"); // NixOS
        if (home == Home::vulkan)
            out.push_back(*prefix); // GKE
    }
    out.push_back(host_path("/usr/local/share"));
    out.push_back(host_path("/usr/share"));
    return out;
}

/// The first of the directories with the file; nothing if all lack it.
std::optional<HostPath> first_file(const sys::HostFs& host,
                                   const std::vector<HostPath>& directories,
                                   std::string_view name) {
    for (const auto& directory : directories)
        if (auto path = directory / name; is_file(host, path))
            return path;
    return std::nullopt;
}

/// N of "cardN" and "renderDN", which is the minor of the node (drivers/gpu/drm/drm_sysfs.c).
std::optional<std::uint32_t> drm_minor(std::string_view name) {
    for (const std::string_view prefix : {"card", "renderD"})
        if (name.starts_with(prefix))
            return parse_number<std::uint32_t>(name.substr(prefix.size()));
    return std::nullopt;
}

} // namespace

std::vector<ConfigFile> config_files(const sys::HostFs& host, const InventoryScope& scope,
                                     const std::vector<LibraryDirectory>& library_directories,
                                     Notices& notices) {
    std::vector<ConfigFile> out;
    for (const auto& file : known_files) {
        if (!is_wanted(file, scope.driver_capabilities))
            continue;
        auto path = first_file(host, search_path(scope, file.home, library_directories), file.path);
        if (!path)
            continue;
        const auto home = inside_path(file.home == Home::share ? "/usr/share" : "/etc");
        ConfigFile one{.path = std::move(*path), .inside = home / file.path};
        if (file.names_library) {
            const auto text = host.read(one.path);
            if (!text) {
                notices.warn("passed over: " + text.error().text());
                continue;
            }
            one.text = without_library_paths(*text);
        }
        out.push_back(std::move(one));
    }
    return out;
}

std::vector<HostPath> x_server_modules(const sys::HostFs& host, const std::string& version,
                                       DriverCapabilities wanted,
                                       const std::vector<LibraryDirectory>& library_directories) {
    if (!wanted.wants_graphics())
        return {};
    std::vector<HostPath> directories;
    const auto push_modules = [&](const HostPath& modules) {
        for (const auto* const update : {"", "/updates"})
            for (const auto* const kind : {"/drivers", "/extensions"})
                directories.push_back(host_path(modules.text() + update + kind));
    };
    for (const auto& directory : library_directories) {
        directories.push_back(directory.path); // Debian
        directories.push_back(directory.path / "nvidia/xorg");
        push_modules(directory.path / "xorg/modules");
    }
    for (const auto* const modules : {"/usr/lib/xorg/modules", "/usr/lib64/xorg/modules",
                                      "/usr/X11R6/lib/modules", "/usr/X11R6/lib64/modules"})
        push_modules(host_path(modules));
    std::vector<HostPath> out;
    for (const auto& name : {std::string("nvidia_drv.so"), "libglxserver_nvidia.so." + version})
        if (auto path = first_file(host, directories, name))
            out.push_back(std::move(*path));
    return out;
}

std::vector<Node> drm_nodes(const sys::HostFs& host, const Majors& majors, const std::string& pci,
                            Notices& notices) {
    const auto names = host.list(host_path("/sys/bus/pci/devices") / pci / "drm");
    const auto major = majors.find("drm");
    if (!names || major == majors.end())
        return {};
    std::vector<Node> out;
    for (const auto& name : *names) {
        const auto minor = drm_minor(name);
        if (!minor)
            continue;
        auto one = node(host, host_path("/dev/dri") / name, DeviceNumber{major->second, *minor});
        one.needed_by = drawing;
        one.optional = true;
        const bool right = one.found == one.expected;
        if (right)
            out.push_back(std::move(one));
        else if (one.found || one.other_file)
            notices.warn(one.path.text() + " is not the node of GPU " + pci + ", and is not given");
    }
    return out;
}

} // namespace grapnel::driver
