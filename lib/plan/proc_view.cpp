// SPDX-License-Identifier: Apache-2.0
// The container's view of /proc/driver/nvidia.
#include "plan/proc_view.hpp"

#include "plan/made_up_files.hpp"
#include "plan/mig.hpp"

namespace grapnel::plan {

namespace {

using Kind = Mount::Kind;

} // namespace

void add_proc_view(Plan& plan, const Request& request, const Inventory& inventory) {
    View view{.inside = driver_proc_directory(), .must_exist = true};
    view.directories.emplace_back("gpus");
    for (const auto& file : inventory.proc_files)
        view.files.push_back({.path = file.name, .text = without_device_changes(file.text)});
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
