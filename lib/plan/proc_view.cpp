// SPDX-License-Identifier: Apache-2.0
// The container's view of /proc/driver/nvidia.
#include "plan/parts.hpp"

namespace grapnel::plan {

namespace {

using Kind = Mount::Kind;

constexpr std::string_view modify_on = "ModifyDeviceFiles: 1";
constexpr std::string_view modify_off = "ModifyDeviceFiles: 0";

/// The driver's user space must not make or change device nodes in a container.
View::File without_device_changes(const ProcFile& original) {
    View::File file{.path = original.name, .text = original.text};
    for (auto at = file.text.find(modify_on); at != std::string::npos;
         at = file.text.find(modify_on, at + modify_on.size()))
        file.text.replace(at, modify_on.size(), modify_off);
    return file;
}

} // namespace

void add_proc_view(Plan& plan, const Request& request, const Inventory& inventory) {
    View view{.inside = inside_path("/proc/driver/nvidia"), .must_exist = true};
    view.directories.emplace_back("gpus");
    for (const auto& file : inventory.proc_files)
        view.files.push_back(without_device_changes(file));
    for (const auto& gpu : plan.gpus) {
        view.directories.push_back("gpus/" + gpu.pci);
        plan.mounts.push_back({.kind = Kind::proc,
                               .host = host_path("/proc/driver/nvidia/gpus") / gpu.pci,
                               .inside = view.inside / "gpus" / gpu.pci,
                               .directory = true});
    }
    add_mig_to_view(plan, view, request);
    plan.views.push_back(std::move(view));
}

} // namespace grapnel::plan
