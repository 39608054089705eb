// SPDX-License-Identifier: Apache-2.0
#include "apply/cgroup_path.hpp"

#include "base/text.hpp"

#include <algorithm>

namespace grapnel::apply {

namespace {

bool has(const std::vector<std::string>& list, std::string_view item) {
    return std::ranges::find(list, item) != list.end();
}

/// The process's path in the hierarchy with the devices controller, or in version 2's, whose
/// list of controllers is empty. Lines are ID:CONTROLLERS:PATH.
std::optional<std::string_view> path_in(std::string_view membership, bool version1) {
    for (const auto line : split(membership, '\n')) {
        const auto first = line.find(':');
        const auto second = line.find(':', first == std::string_view::npos ? first : first + 1);
        if (second == std::string_view::npos)
            continue;
        const auto controllers = line.substr(first + 1, second - first - 1);
        if (version1 ? has(comma_list(controllers), "devices") : controllers.empty())
            return line.substr(second + 1);
    }
    return std::nullopt;
}

std::pair<std::string_view, std::string_view> last_component(std::string_view path) {
    const auto slash = std::min(path.rfind('/'), path.size());
    return {path.substr(0, slash), path.substr(std::min(slash + 1, path.size()))};
}

bool is_in(std::string_view path, std::string_view above) {
    return path == above || path.starts_with(std::string(above) + "/") || above == "/";
}

/// Of the lowest cgroup, or the scope around it, as far as the outsider is in none of them.
std::string lowest_name(std::string_view path, std::optional<std::string_view> outsider) {
    if (!outsider || is_in(*outsider, path))
        return {};
    const auto [above, name] = last_component(path);
    if (name == "container" && above.ends_with(".scope") && !is_in(*outsider, above))
        return std::string(last_component(above).second);
    return std::string(name);
}

bool is_own(std::string_view component, const std::string& name) {
    return !name.empty()
           && (component == name || component == name + ".scope"
               || component.ends_with("-" + name + ".scope"));
}

/// `path` below the part of the hierarchy that is mounted; nothing if it lies elsewhere.
std::optional<std::string> below_mount(std::string_view path, const MountInfo& mount) {
    if (mount.root == "/")
        return std::string(path);
    if (path == mount.root)
        return "/";
    if (!path.starts_with(mount.root + "/"))
        return std::nullopt;
    return std::string(path.substr(mount.root.size()));
}

std::optional<std::vector<CgroupLevel>> levels(std::string_view path, const MountInfo& mount,
                                               const std::string& name) {
    const auto relative = below_mount(path, mount);
    const auto normal = relative ? normal_absolute_path(*relative) : Result<std::string>(Error());
    auto directory = HostPath::make(mount.point);
    if (!normal || !directory)
        return std::nullopt;
    std::vector<CgroupLevel> out;
    bool own = false;
    for (const auto component : split(std::string_view(*normal).substr(1), '/')) {
        if (component.empty())
            continue;
        *directory = *directory / component;
        if (is_own(component, name)) {
            own = true; // an ancestor of the same name is not it
            for (auto& level : out)
                level.own = false;
        }
        out.push_back({.directory = *directory, .own = own});
    }
    std::ranges::reverse(out);
    return out;
}

} // namespace

CgroupOwner cgroup_owner(const Spec& spec, std::string_view container_id) {
    const std::string_view path = spec.cgroups_path;
    if (path.empty())
        return {.name = std::string(container_id)};
    const auto parts = split(path, ':');
    if (parts.size() == 3 && path.front() != '/') {
        const auto prefix = parts[1].empty() ? "" : std::string(parts[1]) + "-";
        return {.name = prefix + std::string(parts[2])
                        + (parts[2].ends_with(".slice") ? "" : ".scope")};
    }
    const auto normal = path.substr(0, path.find_last_not_of('/') + 1);
    return {.name = std::string(normal.substr(normal.rfind('/') + 1))};
}

std::optional<DeviceCgroup> locate_device_cgroup(std::string_view membership,
                                                 const std::vector<MountInfo>& mounts,
                                                 const CgroupOwner& owner) {
    for (const int version : {1, 2})
        for (const auto& mount : mounts) {
            const bool fits = version == 1
                                  ? mount.type == "cgroup" && has(mount.super_options, "devices")
                                  : mount.type == "cgroup2";
            const auto path = fits ? path_in(membership, version == 1) : std::nullopt;
            if (!path)
                continue;
            const auto name = owner.outsider
                                  ? lowest_name(*path, path_in(*owner.outsider, version == 1))
                                  : owner.name;
            if (auto found = levels(*path, mount, name))
                return DeviceCgroup{.version = version, .levels = std::move(*found)};
        }
    return std::nullopt;
}

} // namespace grapnel::apply
