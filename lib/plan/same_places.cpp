// SPDX-License-Identifier: Apache-2.0
// A driver with pass-through paths: a container gets its files at their places on the host.
#include "plan/same_places.hpp"

#include "base/text.hpp"
#include "plan/devices.hpp"
#include "plan/graphics.hpp"
#include "plan/proc_view.hpp"
#include "plan/requirements.hpp"
#include "plan/select.hpp"

#include <algorithm>
#include <set>

namespace grapnel::plan {

namespace {

using Place = SamePlace::Kind;
using Kind = Mount::Kind;

constexpr std::string_view uuid_prefix = "GPU-";

/// GPU-, and 36 characters as every UUID has.
bool is_uuid(std::string_view name) {
    constexpr std::string_view form = "xxxxxxxx-xxxx-xxxx-xxxx-xxxxxxxxxxxx";
    if (!name.starts_with(uuid_prefix) || name.size() != uuid_prefix.size() + form.size())
        return false;
    const auto digits = name.substr(uuid_prefix.size());
    for (std::size_t i = 0; i < form.size(); ++i) {
        const char c = digits[i];
        const bool hexadecimal =
            (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F');
        if (form[i] == '-' ? c != '-' : !hexadecimal)
            return false;
    }
    return true;
}

/// There is one device. Where UUIDs name it, only the driver's own code knows which GPU each is.
Status check_names(const Request& request, const PassThrough& driver) {
    if (request.devices != Request::Devices::listed)
        return {};
    for (const auto& name : request.listed)
        if (name.text() != "0" && !(driver.any_uuid && is_uuid(name.text())))
            return refused("unknown device " + quote(name.text()) + ": " + driver.one_gpu,
                           "ask for 0 or for all");
    return {};
}

Kind kind_of(Place place) {
    switch (place) {
    case Place::program:
        return Kind::binary;
    case Place::config:
        return Kind::config;
    case Place::library:
    case Place::directory:
    case Place::link:
        break;
    }
    return Kind::library;
}

/// False if there is one device, without facts from the kernel.
bool has_named_gpus(const Inventory& inventory) {
    return !inventory.gpus.empty() && !inventory.gpus.front().pci.empty();
}

Result<std::vector<Gpu>> select_devices(const Request& request, const Inventory& inventory) {
    if (has_named_gpus(inventory))
        return select_gpus(request, inventory.gpus);
    GRAPNEL_TRY(check_names(request, *inventory.pass_through));
    return request.devices == Request::Devices::none ? std::vector<Gpu>() : inventory.gpus;
}

Status add_nodes(Plan& plan, const Inventory& inventory, const std::vector<Gpu>& selected) {
    for (const auto& node : inventory.control_nodes)
        GRAPNEL_TRY(add_device(plan, node));
    for (const auto& gpu : selected) {
        plan.gpus.push_back(
            {.index = gpu.index, .minor = gpu.minor.value_or(0), .uuid = gpu.uuid, .pci = gpu.pci});
        if (!gpu.node.path.empty())
            GRAPNEL_TRY(add_device(plan, gpu.node));
        for (const auto& node : gpu.more_nodes)
            GRAPNEL_TRY(add_device(plan, node));
        GRAPNEL_TRY(add_drm_nodes(plan, gpu));
    }
    return {};
}

/// Names of devices, for containers that have the devices.
bool is_in_dev(const SamePlace& place) {
    return place.path.text().starts_with("/dev/");
}

Status add_place(Plan& plan, const SamePlace& place) {
    auto inside = GRAPNEL_TRY(InsidePath::make(place.path.text()));
    if (place.kind == Place::link)
        plan.links.push_back(
            {.inside = std::move(inside), .target = place.target, .optional = is_in_dev(place)});
    else
        plan.mounts.push_back({.kind = kind_of(place.kind),
                               .host = place.path,
                               .inside = std::move(inside),
                               .directory = place.kind == Place::directory,
                               .optional = place.kind == Place::config});
    return {};
}

} // namespace

Status add_same_places(Plan& plan, const Request& request, const Inventory& inventory,
                       const ImageLayout& image) {
    if (request.management)
        return refused("this host's driver has no device nodes of its own to manage",
                       "ask for nvidia.com/gpu instead of management.nvidia.com/gpu");
    if (request.mig_config || request.mig_monitor)
        return Status(refused("this host has no MIG devices to make or to watch",
                              "leave NVIDIA_MIG_CONFIG_DEVICES and NVIDIA_MIG_MONITOR_DEVICES out"))
            .about(request.mig_config ? Error::Subject::mig_config : Error::Subject::mig_monitor);
    const auto selected =
        GRAPNEL_TRY(select_devices(request, inventory).about(Error::Subject::devices));
    GRAPNEL_TRY(
        check_requirements(request, inventory, selected).about(Error::Subject::requirement));
    const bool with_gpu = request.devices != Request::Devices::none;
    if (with_gpu)
        GRAPNEL_TRY(add_nodes(plan, inventory, selected));
    for (const auto& place : inventory.same_places)
        if (with_gpu || !is_in_dev(place))
            GRAPNEL_TRY(add_place(plan, place));
    for (const auto& directory : inventory.same_place_libraries)
        plan.library_directories.push_back(GRAPNEL_TRY(InsidePath::make(directory.text())));
    if (image.proc_driver_nvidia && has_named_gpus(inventory))
        add_proc_view(plan, request, inventory);
    return {};
}

} // namespace grapnel::plan
