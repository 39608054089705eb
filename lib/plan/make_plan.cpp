// SPDX-License-Identifier: Apache-2.0
#include "plan/make_plan.hpp"

#include "plan/auxiliary_devices.hpp"
#include "plan/devices.hpp"
#include "plan/files.hpp"
#include "plan/forward_compat.hpp"
#include "plan/gpus_of_others.hpp"
#include "plan/graphics.hpp"
#include "plan/mig.hpp"
#include "plan/proc_view.hpp"
#include "plan/requirements.hpp"
#include "plan/same_places.hpp"
#include "plan/select.hpp"

#include <algorithm>

namespace grapnel {

namespace {

/// After the files: only where libcuda is among them.
void add_compat(Plan& plan, const Request& request, const ImageLayout& image, bool by_cuda_alone) {
    const bool has_libcuda = std::ranges::any_of(plan.mounts, [](const Mount& mount) {
        return mount.kind == Mount::Kind::library && mount.inside.name().starts_with("libcuda.so.");
    });
    if (!request.forward_compat || !image.compat || !has_libcuda)
        return;
    // the note of such a library lists the branches of the nvidia module's driver
    const auto driver = by_cuda_alone ? std::nullopt : Version::parse(plan.driver_version);
    plan.compat = use_compat(*image.compat, driver,
                             plan.cuda_version ? Version::parse(*plan.cuda_version) : std::nullopt);
}

using Kind = Mount::Kind;

Status add_gpus(Plan& plan, const Request& request, const Inventory& inventory) {
    using enum Error::Subject;
    GRAPNEL_TRY(plan::refuse_gpus_of_others(request, inventory).about(devices));
    const auto selected =
        GRAPNEL_TRY(select_gpus(request, inventory.gpus, inventory.probe_fault).about(devices));
    GRAPNEL_TRY(check_requirements(request, inventory, selected).about(requirement));
    for (const auto& gpu : selected) {
        plan.gpus.push_back(
            {.index = gpu.index, .minor = gpu.minor.value_or(0), .uuid = gpu.uuid, .pci = gpu.pci});
        GRAPNEL_TRY(plan::add_device(plan, gpu.node));
        if (gpu.mig_devices.empty()) // the nodes lead to all of the GPU, not to a part of it
            GRAPNEL_TRY(plan::add_drm_nodes(plan, gpu));
    }
    return plan::add_mig(plan, request, inventory, selected);
}

Status add_driver(Plan& plan, const Request& request, const Inventory& inventory,
                  const ImageLayout& image) {
    for (const auto* const nodes : {&inventory.control_nodes, &inventory.other_nodes})
        for (const auto& node : *nodes)
            GRAPNEL_TRY(plan::add_device(plan, node));
    GRAPNEL_TRY(plan::add_files(plan, request, inventory, image));
    GRAPNEL_TRY(plan::add_graphics(plan, inventory));
    for (const auto& file : inventory.same_places) // of programs with a loader of their own
        plan.mounts.push_back({.kind = Kind::library,
                               .host = file.path,
                               .inside = GRAPNEL_TRY(InsidePath::make(file.path.text())),
                               .optional = true});
    // a container that manages the driver sees the kernel's own files
    if (image.proc_driver_nvidia && !request.management)
        plan::add_proc_view(plan, request, inventory);
    return {};
}

Status add_all_of_driver(Plan& plan, const Request& request, const Inventory& inventory,
                         const ImageLayout& image) {
    const auto& pass_through = inventory.pass_through;
    if (pass_through) {
        GRAPNEL_TRY(plan::add_same_places(plan, request, inventory, image));
    } else {
        GRAPNEL_TRY(add_gpus(plan, request, inventory));
        GRAPNEL_TRY(add_driver(plan, request, inventory, image));
    }
    if (!pass_through || pass_through->forward_compat)
        add_compat(plan, request, image, pass_through.has_value());
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
    auto& gids = plan.additional_gids;
    std::ranges::sort(gids);
    gids.erase(std::unique(gids.begin(), gids.end()), gids.end());
    std::ranges::sort(plan.host_nodes);
    std::ranges::sort(plan.library_directories);
}

} // namespace

Result<Plan> make_plan(const Request& request, const Inventory& inventory,
                       const ImageLayout& image) {
    Plan plan{.driver_version = inventory.driver_version,
              .cuda_version = inventory.cuda_version,
              .driver_capabilities = request.driver_capabilities,
              .change_cgroup = request.change_cgroup,
              .bind_devices = request.bind_devices,
              .ldcache = request.ldcache};
    if (request.driver)
        GRAPNEL_TRY(add_all_of_driver(plan, request, inventory, image));
    GRAPNEL_TRY(plan::add_special_devices(plan, inventory));
    for (const auto& requirement : request.requirements)
        plan.requirements.push_back(requirement.text);
    if (!request.additional_gids)
        plan.additional_gids.clear();
    sort(plan);
    GRAPNEL_TRY(check(plan));
    return plan;
}

} // namespace grapnel
