// SPDX-License-Identifier: Apache-2.0
#include "driver/inventory_check.hpp"

#include "base/notices.hpp"
#include "driver/auxiliary_devices.hpp"
#include "driver/files.hpp"
#include "driver/nodes.hpp"
#include "driver/readable_paths.hpp"
#include "driver/tegra/tegra.hpp"

#include <algorithm>
#include <array>
#include <set>

namespace grapnel {

namespace {

constexpr std::uint32_t nvidia_assigned_major = 195; // Documentation/admin-guide/devices.txt
constexpr std::uint32_t misc_major = 10;             // MISC_MAJOR of linux/major.h

Error untrue(const std::string& claim) {
    return refused("the confined process that looks at the host says that " + claim,
                   "report this with the output of --dry-run: the process was taken over, or this "
                   "is a mistake in Grapnel");
}

class InventoryCheck {
  public:
    InventoryCheck(const sys::HostFs& host, const InventoryScope& scope,
                   const ReadablePaths& places)
        : host_(host), scope_(scope), majors_(driver::character_majors(host)) {
        const auto is_of_kernel = [](const HostPath& path) {
            return is_at_or_below(path, host_path("/proc"))
                   || is_at_or_below(path, host_path("/sys"));
        };
        for (const auto* const paths : {&places.read, &places.given})
            for (const auto& path : *paths) {
                if (auto real = host.resolve(path); real && !is_of_kernel(*real))
                    places_.push_back(std::move(*real));
                names_.push_back(path);
            }
        if (driver::is_tegra(host))
            listed_nodes_ = driver::listed_nodes(host, scope.csv);
    }

    [[nodiscard]] Status files(const Inventory& inventory) const {
        for (const auto& path : files_of(inventory))
            if (!path.empty())
                GRAPNEL_TRY(file(path));
        return {};
    }

    [[nodiscard]] Status nodes(const Inventory& inventory) const {
        for (const auto* const one : nodes_of(inventory))
            GRAPNEL_TRY(node(*one));
        for (const auto& [gpu, numbers] : inventory.mig_management.gpus)
            for (const auto& one : numbers)
                GRAPNEL_TRY(number(one, "a MIG device"));
        return {};
    }

    /// The few that can be asked for again.
    [[nodiscard]] Status others(const Inventory& inventory) const {
        Notices notices; // are the inventory's
        const auto wanted = scope_.driver_capabilities;
        const auto groups = driver::group_devices(host_, majors_, scope_.device_groups, notices);
        if (!is_within(inventory.sockets, driver::sockets(host_, wanted))
            || !is_within(inventory.socket_directories, driver::socket_directories(host_, wanted))
            || !is_within(inventory.group_devices.files, groups.files)
            || !is_within(inventory.group_devices.directories, groups.directories))
            return untrue("the driver has a socket or directory that it does not have");
        return {};
    }

  private:
    static std::vector<HostPath> files_of(const Inventory& inventory) {
        std::vector<HostPath> out{inventory.management_library};
        for (const auto* const paths : {&inventory.firmware, &inventory.x_server_modules})
            out.insert(out.end(), paths->begin(), paths->end());
        for (const auto& library : inventory.libraries)
            out.push_back(library.path);
        for (const auto& binary : inventory.binaries)
            out.push_back(binary.path);
        for (const auto& config : inventory.config_files)
            out.push_back(config.path);
        for (const auto& place : inventory.same_places)
            if (place.kind != SamePlace::Kind::link) // made in the container
                out.push_back(place.path);
        return out;
    }

    static std::vector<const Node*> nodes_of(const Inventory& inventory) {
        std::vector<const Node*> out;
        const auto add = [&](const auto& nodes) {
            for (const auto& one : nodes)
                out.push_back(&one);
        };
        for (const auto* const nodes :
             {&inventory.control_nodes, &inventory.other_nodes, &inventory.imex_channels,
              &inventory.group_devices.nodes, &inventory.mig_management.nodes})
            add(*nodes);
        for (const auto* const one :
             {&inventory.mig_management.config, &inventory.mig_management.monitor})
            if (*one)
                out.push_back(&**one);
        for (const auto& gpu : inventory.gpus) {
            if (!gpu.node.path.empty())
                out.push_back(&gpu.node);
            add(gpu.more_nodes);
            add(gpu.drm_nodes);
            for (const auto& device : gpu.mig_devices)
                add(device.nodes);
        }
        return out;
    }

    static bool is_below_any(const HostPath& path, const std::vector<HostPath>& directories) {
        return std::ranges::any_of(
            directories, [&](const auto& directory) { return is_at_or_below(path, directory); });
    }

    /// Of a path that is missing: where the part leads that is there.
    [[nodiscard]] Result<HostPath> resolve_present(HostPath path) const {
        auto real = host_.resolve(path);
        while (!real && sys::is_missing(real.error()) && path != host_path("/")) {
            path = path.parent();
            real = host_.resolve(path);
        }
        return real;
    }

    /// The name lies in a place as well as the file: whoever owns a link elsewhere could let it
    /// lead to another file after this check. So could the owner of the name of a missing file.
    [[nodiscard]] Status file(const HostPath& path) const {
        const auto real = GRAPNEL_TRY(resolve_present(path));
        if (is_below_any(real, places_)
            && (is_below_any(path, names_) || is_below_any(path, places_)))
            return {};
        return outside_readable(path, real);
    }

    [[nodiscard]] bool is_of_gpu_module(const DeviceNumber& number) const {
        constexpr std::array<std::string_view, 3> others{"drm", "infiniband_verbs", "gdrdrv"};
        if (number.major == nvidia_assigned_major)
            return true;
        if (number.major == misc_major)
            return driver::misc_minor(host_, "rdma_cm") == number.minor
                   || driver::misc_minor(host_, "dxg") == number.minor; // WSL's
        return std::ranges::any_of(majors_, [&](const auto& module) {
            return module.second == number.major
                   && (module.first.starts_with("nvidia")
                       || std::ranges::find(others, module.first) != others.end());
        });
    }

    [[nodiscard]] Status number(const DeviceNumber& one, const std::string& of) const {
        if (is_of_gpu_module(one))
            return {};
        return untrue(of + " of device number " + std::to_string(one.major) + ":"
                      + std::to_string(one.minor) + " is the driver's");
    }

    /// A Jetson's nodes are of many modules. JetPack's lists name them; a start makes no such node.
    [[nodiscard]] bool is_listed(const Node& one) const {
        return one.found && one.found == one.expected && listed_nodes_.contains(one.path)
               && host_.stat(one.path);
    }

    [[nodiscard]] Status node(const Node& one) const {
        static const auto dev = host_path("/dev");
        if (!is_at_or_below(one.path, dev))
            return untrue(one.path.text() + " is a device node of the driver");
        // the plan refuses a node of another number
        if (one.expected && !is_listed(one))
            GRAPNEL_TRY(number(*one.expected, one.path.text()));
        const auto facts = one.found ? host_.stat(one.path) : Result<sys::FileFacts>(Error());
        if (facts
            && (facts->type != sys::FileFacts::Type::character_device
                || DeviceNumber{facts->major, facts->minor} != *one.found))
            return untrue(one.path.text() + " has another device number than it has");
        return {};
    }

    static bool is_within(const std::vector<HostPath>& paths, const std::vector<HostPath>& known) {
        return std::ranges::all_of(
            paths, [&](const auto& path) { return std::ranges::find(known, path) != known.end(); });
    }

    const sys::HostFs& host_;
    const InventoryScope& scope_;
    driver::Majors majors_;
    std::vector<HostPath> places_ = {}; ///< without links
    std::vector<HostPath> names_ = {};
    std::set<HostPath> listed_nodes_ = {};
};

} // namespace

Status check_inventory(const sys::HostFs& host, const InventoryScope& scope,
                       const ReadablePaths& places, const Inventory& inventory) {
    const InventoryCheck check(host, scope, places);
    GRAPNEL_TRY(check.files(inventory));
    GRAPNEL_TRY(check.nodes(inventory));
    return check.others(inventory);
}

} // namespace grapnel
