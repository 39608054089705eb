// SPDX-License-Identifier: Apache-2.0
#include "plan/plan.hpp"

#include "base/text.hpp"
#include "plan/requirements.hpp"
#include "plan/select.hpp"

#include <algorithm>
#include <array>
#include <set>

namespace grapnel {

namespace {

using Kind = Mount::Kind;

constexpr std::string_view modify_on = "ModifyDeviceFiles: 1";
constexpr std::string_view modify_off = "ModifyDeviceFiles: 0";

std::string number_text(const DeviceNumber& number) {
    return std::to_string(number.major) + ":" + std::to_string(number.minor);
}

Error missing(const Node& node) {
    if (!node.expected)
        return refused(node.path.text() + (node.found ? " is there, but" : " is missing, and")
                           + " no kernel module offers it",
                       "run 'nvidia-modprobe -u -c 0', or 'modprobe nvidia-uvm'");
    if (node.other_file)
        return refused(node.path.text() + " is not a device node",
                       "remove it and run 'nvidia-modprobe -u -c 0'");
    const auto number =
        std::to_string(node.expected->major) + " " + std::to_string(node.expected->minor);
    return refused(node.path.text() + " is missing",
                   "run 'nvidia-modprobe -u -c " + std::to_string(node.expected->minor % 255)
                       + "', or 'mknod -m 666 " + node.path.text() + " c " + number + "'");
}

/// The node as a mount, or nothing for an optional node that is not there.
Result<std::optional<Mount>> device_mount(const Node& node) {
    // a node without its module is one of another boot: its number can be any driver's now
    const bool usable = node.found && node.expected;
    if (!usable && node.optional)
        return std::optional<Mount>();
    if (!usable)
        return missing(node);
    if (*node.found != *node.expected)
        return refused(node.path.text() + " is device " + number_text(*node.found)
                           + ", but the driver's is " + number_text(*node.expected),
                       "remove it and run 'nvidia-modprobe -u -c 0'");
    auto inside = GRAPNEL_TRY(InsidePath::make(node.path.text()));
    return std::optional(Mount{.kind = Kind::device,
                               .host = node.path,
                               .inside = std::move(inside),
                               .device = node.found});
}

Status add_device(Plan& plan, const Node& node) {
    auto mount = GRAPNEL_TRY(device_mount(node));
    if (!mount)
        return {};
    plan.device_rules.push_back({.major = mount->device->major, .minor = mount->device->minor});
    plan.mounts.push_back(std::move(*mount));
    return {};
}

std::string_view stem(std::string_view name) {
    return name.substr(0, name.find(".so"));
}

/// Links that programs expect beside the SONAME's and that ldconfig would not make.
void add_extra_links(Plan& plan, const InsidePath& directory, std::string_view name) {
    if (stem(name) == "libcuda")
        plan.links.push_back({directory / "libcuda.so", "libcuda.so.1"});
    if (stem(name) == "libnvidia-opticalflow")
        plan.links.push_back(
            {directory / "libnvidia-opticalflow.so", "libnvidia-opticalflow.so.1"});
    if (stem(name) == "libGLX_nvidia")
        plan.links.push_back({directory / "libGLX_indirect.so.0", std::string(name)});
}

void add_library(Plan& plan, const Library& library, const ImageLayout& image) {
    const auto& directory = library.is_32bit ? image.libraries_32bit : image.libraries;
    const auto name = library.path.name();
    plan.mounts.push_back({.kind = library.is_32bit ? Kind::library32 : Kind::library,
                           .host = library.path,
                           .inside = directory / name});
    if (!library.soname.empty() && library.soname != name)
        plan.links.push_back({directory / library.soname, std::string(name)});
    add_extra_links(plan, directory, name);
    if (std::ranges::find(plan.library_directories, directory) == plan.library_directories.end())
        plan.library_directories.push_back(directory);
}

/// A capability without its first library is a driver that is only half installed.
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

Status add_files(Plan& plan, const Request& request, const Inventory& inventory,
                 const ImageLayout& image) {
    if (request.driver_capabilities.has(DriverCapability::compute))
        GRAPNEL_TRY(require_library(inventory, DriverCapability::compute, "libcuda"));
    if (request.driver_capabilities.has(DriverCapability::utility))
        GRAPNEL_TRY(require_library(inventory, DriverCapability::utility, "libnvidia-ml"));
    for (const auto& library : inventory.libraries)
        add_library(plan, library, image);
    for (const auto& binary : inventory.binaries)
        plan.mounts.push_back({.kind = Kind::binary,
                               .host = binary.path,
                               .inside = inside_path("/usr/bin") / binary.name});
    for (const auto& file : inventory.firmware)
        plan.mounts.push_back({.kind = Kind::firmware,
                               .host = file,
                               .inside = inside_path("/lib/firmware/nvidia")
                                         / inventory.driver_version / file.name()});
    const auto add_socket = [&](const HostPath& path, bool directory) -> Status {
        auto inside = GRAPNEL_TRY(InsidePath::make(path.text()));
        plan.mounts.push_back(
            {.kind = Kind::ipc, .host = path, .inside = std::move(inside), .directory = directory});
        return {};
    };
    for (const auto& path : inventory.sockets)
        GRAPNEL_TRY(add_socket(path, false));
    for (const auto& path : inventory.socket_directories)
        GRAPNEL_TRY(add_socket(path, true));
    return {};
}

/// The driver's user space must not make or change device nodes in a container.
ProcFile without_device_changes(ProcFile file) {
    for (auto at = file.text.find(modify_on); at != std::string::npos;
         at = file.text.find(modify_on, at + modify_on.size()))
        file.text.replace(at, modify_on.size(), modify_off);
    return file;
}

void add_proc_view(Plan& plan, const Inventory& inventory) {
    ProcView view;
    for (const auto& file : inventory.proc_files)
        view.files.push_back(without_device_changes(file));
    for (const auto& gpu : plan.gpus) {
        view.gpu_directories.push_back(gpu.pci);
        plan.mounts.push_back({.kind = Kind::proc,
                               .host = host_path("/proc/driver/nvidia/gpus") / gpu.pci,
                               .inside = view.inside / "gpus" / gpu.pci,
                               .directory = true});
    }
    plan.proc = std::move(view);
}

Status add_gpus(Plan& plan, const Request& request, const Inventory& inventory) {
    const auto selected = GRAPNEL_TRY(select_gpus(request, inventory.gpus));
    GRAPNEL_TRY(check_requirements(request, inventory, selected));
    for (const auto& gpu : selected) {
        plan.gpus.push_back(
            {.index = gpu.index, .minor = gpu.minor.value_or(0), .uuid = gpu.uuid, .pci = gpu.pci});
        GRAPNEL_TRY(add_device(plan, gpu.node));
    }
    return {};
}

void sort(Plan& plan) {
    std::ranges::sort(plan.mounts);
    std::ranges::sort(plan.links);
    // two libraries that claim one SONAME: the first by name has it
    const auto same_place = [](const auto& a, const auto& b) { return a.inside == b.inside; };
    plan.links.erase(std::unique(plan.links.begin(), plan.links.end(), same_place),
                     plan.links.end());
    std::ranges::sort(plan.device_rules);
    std::ranges::sort(plan.library_directories);
}

} // namespace

MountOptions mount_options(Kind kind) {
    switch (kind) {
    case Kind::device:
        return {.noexec = true};
    case Kind::ipc:
        return {.nodev = true, .noexec = true};
    case Kind::proc:
        return {.read_only = true, .nodev = true, .noexec = true};
    case Kind::library:
    case Kind::library32:
    case Kind::binary:
    case Kind::firmware:
    case Kind::config:
    case Kind::compat:
        break;
    }
    return {.read_only = true, .nodev = true};
}

Result<Plan> make_plan(const Request& request, const Inventory& inventory,
                       const ImageLayout& image) {
    Plan plan{.driver_version = inventory.driver_version,
              .cuda_version = inventory.cuda_version,
              .driver_capabilities = request.driver_capabilities,
              .change_cgroup = request.change_cgroup,
              .ldcache = request.ldcache};
    GRAPNEL_TRY(add_gpus(plan, request, inventory));
    for (const auto& requirement : request.requirements)
        plan.requirements.push_back(requirement.text);
    for (const auto& node : inventory.control_nodes)
        GRAPNEL_TRY(add_device(plan, node));
    GRAPNEL_TRY(add_files(plan, request, inventory, image));
    if (image.proc_driver_nvidia)
        add_proc_view(plan, inventory);
    sort(plan);
    GRAPNEL_TRY(check(plan));
    return plan;
}

} // namespace grapnel
