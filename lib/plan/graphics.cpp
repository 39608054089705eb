// SPDX-License-Identifier: Apache-2.0
// Needs of programs that draw, beside libraries.
#include "plan/graphics.hpp"

#include "plan/devices.hpp"
#include "plan/made_up_files.hpp"

#include <cstdint>

namespace grapnel::plan {

namespace {

using Kind = Mount::Kind;

/// Files of the host with a changed text. They are shown one by one where they belong: beside them
/// can lie files of the image.
constexpr std::string_view changed_files = "/usr/share/grapnel";

void add_config_files(Plan& plan, const Inventory& inventory) {
    View changed{.inside = inside_path(changed_files), .optional = true};
    for (const auto& file : inventory.config_files) {
        Mount mount{.kind = Kind::config, .inside = file.inside, .optional = true};
        if (file.text) {
            const auto path = file.inside.text().substr(1);
            changed.files.push_back({.path = path, .text = *file.text});
            mount.view_file = changed.inside / path;
        } else {
            mount.host = file.path;
        }
        plan.mounts.push_back(std::move(mount));
    }
    if (!changed.files.empty())
        plan.views.push_back(std::move(changed));
}

/// The X server's configuration names the directory of its modules: they keep their places.
Status add_x_server_modules(Plan& plan, const Inventory& inventory) {
    constexpr std::string_view glx = "libglxserver_nvidia.so";
    for (const auto& module : inventory.x_server_modules) {
        auto inside = GRAPNEL_TRY(InsidePath::make(module.text()));
        if (module.name().starts_with(glx))
            plan.links.push_back({.inside = inside.parent() / glx,
                                  .target = std::string(module.name()),
                                  .optional = true});
        plan.mounts.push_back(
            {.kind = Kind::library, .host = module, .inside = std::move(inside), .optional = true});
    }
    return {};
}

void add_application_profile(Plan& plan) {
    std::vector<std::uint32_t> minors;
    for (const auto& gpu : plan.gpus)
        minors.push_back(gpu.minor);
    if (auto text = application_profile(minors))
        plan.views.push_back(
            {.inside = application_profiles(),
             .files = {{.path = application_profile_name, .text = std::move(*text)}},
             .optional = true});
}

} // namespace

Status add_drm_nodes(Plan& plan, const Gpu& gpu) {
    const auto by_path = inside_path("/dev/dri/by-path");
    for (const auto& node : gpu.drm_nodes) {
        GRAPNEL_TRY(add_device(plan, node));
        const std::string name(node.path.name());
        const auto* const kind = name.starts_with("card") ? "-card" : "-render";
        plan.links.push_back({.inside = by_path / ("pci-" + gpu.pci + kind),
                              .target = "../" + name,
                              .optional = true});
    }
    return {};
}

Status add_graphics(Plan& plan, const Inventory& inventory) {
    add_config_files(plan, inventory);
    GRAPNEL_TRY(add_x_server_modules(plan, inventory));
    if (plan.driver_capabilities.wants_graphics())
        add_application_profile(plan);
    return {};
}

} // namespace grapnel::plan
