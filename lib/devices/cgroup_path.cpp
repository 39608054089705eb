// SPDX-License-Identifier: Apache-2.0
#include "devices/cgroup_path.hpp"

#include "base/text.hpp"

#include <algorithm>

namespace grapnel::devices {

namespace {

bool has(const std::vector<std::string>& list, std::string_view item) {
    return std::ranges::find(list, item) != list.end();
}

constexpr std::string_view version2; // its list of controllers is empty

/// The process's path in the hierarchy with that controller. Lines are ID:CONTROLLERS:PATH.
std::optional<std::string_view> path_in(std::string_view membership, std::string_view controller) {
    for (const auto line : split(membership, '\n')) {
        const auto first = line.find(':');
        const auto second = line.find(':', first == std::string_view::npos ? first : first + 1);
        if (second == std::string_view::npos)
            continue;
        const auto controllers = line.substr(first + 1, second - first - 1);
        if (controller == version2 ? controllers.empty() : has(comma_list(controllers), controller))
            return line.substr(second + 1);
    }
    return std::nullopt;
}

bool is_device_hierarchy(const MountInfo& mount, int version) {
    return version == 1 ? mount.type == "cgroup" && has(mount.super_options, "devices")
                        : mount.type == "cgroup2";
}

std::pair<std::string_view, std::string_view> last_component(std::string_view path) {
    const auto slash = std::min(path.rfind('/'), path.size());
    return {path.substr(0, slash), path.substr(std::min(slash + 1, path.size()))};
}

bool is_in(std::string_view path, std::string_view above) {
    return path == above || path.starts_with(std::string(above) + "/") || above == "/";
}

/// The name of the lowest cgroup, or of the scope around it, unless the reference cgroup is in it.
std::string lowest_name(std::string_view path, std::optional<std::string_view> reference_cgroup) {
    if (!reference_cgroup || is_in(*reference_cgroup, path))
        return {};
    const auto [above, name] = last_component(path);
    if (name == "container" && above.ends_with(".scope") && !is_in(*reference_cgroup, above))
        return std::string(last_component(above).second);
    return std::string(name);
}

bool is_own(std::string_view component, const std::string& name) {
    return !name.empty()
           && (component == name || component == name + ".scope"
               || component.ends_with("-" + name + ".scope")
               || (name.ends_with(".scope") && component == "-" + name)); // an empty prefix
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

/// See cgroup_owner().
std::string own_name(const Spec& spec, std::string_view container_id) {
    const std::string_view path = spec.cgroups_path;
    if (path.empty())
        return std::string(container_id);
    const auto parts = split(path, ':');
    if (parts.size() == 3 && path.front() != '/') {
        const auto prefix = parts[1].empty() ? "" : std::string(parts[1]) + "-";
        return prefix + std::string(parts[2]) + (parts[2].ends_with(".slice") ? "" : ".scope");
    }
    const auto normal = path.substr(0, path.find_last_not_of('/') + 1);
    return std::string(normal.substr(normal.rfind('/') + 1));
}

/// As runc and crun name it; others leave out an empty prefix together with its dash.
std::vector<std::string> scope_names(const Spec& spec, std::string_view container_id) {
    if (spec.cgroups_path.empty())
        return {"runc-" + std::string(container_id) + ".scope",
                "crun-" + std::string(container_id) + ".scope"};
    const auto parts = split(spec.cgroups_path, ':');
    // a name with a leading slash is a path; other names may be put into a slice
    if (parts.size() != 3 || parts[0].starts_with('/') || parts[2].empty()
        || parts[2].ends_with(".slice"))
        return {};
    const auto name = std::string(parts[2]) + ".scope";
    if (parts[1].empty())
        return {"-" + name, name};
    return {std::string(parts[1]) + "-" + name};
}

std::vector<std::string> scope_without_name(std::string_view path,
                                            std::optional<std::string_view> reference_cgroup) {
    auto name = lowest_name(path, reference_cgroup);
    return name.ends_with(".scope") ? std::vector{std::move(name)} : std::vector<std::string>();
}

/// The part of the path down to the lowest component that is one of `names`.
std::string_view down_to(std::string_view path, const std::vector<std::string>& names) {
    for (; !path.empty(); path = path.substr(0, path.rfind('/')))
        if (has(names, path.substr(path.rfind('/') + 1)))
            return path;
    return path;
}

} // namespace

CgroupOwner cgroup_owner(const Spec& spec, std::string_view container_id) {
    return {.name = own_name(spec, container_id), .scopes = scope_names(spec, container_id)};
}

std::optional<OwnScope> own_scope(std::string_view membership, const CgroupOwner& owner) {
    for (const auto hierarchy : {std::string_view("name=systemd"), version2}) {
        const auto whole = path_in(membership, hierarchy);
        if (!whole || !whole->starts_with('/'))
            continue;
        const auto names =
            owner.reference_cgroup
                ? scope_without_name(*whole, path_in(*owner.reference_cgroup, hierarchy))
                : owner.scopes;
        if (const auto path = down_to(*whole, names); !path.empty())
            return OwnScope{.unit = std::string(path.substr(path.rfind('/') + 1)),
                            .cgroup = std::string(path)};
    }
    return std::nullopt;
}

std::optional<DeviceCgroup> locate_device_cgroup(std::string_view membership,
                                                 const std::vector<MountInfo>& mounts,
                                                 const CgroupOwner& owner) {
    for (const int version : {1, 2}) {
        const std::string_view controller = version == 1 ? "devices" : version2;
        const auto path = path_in(membership, controller);
        if (!path)
            continue;
        const auto name = owner.reference_cgroup
                              ? lowest_name(*path, path_in(*owner.reference_cgroup, controller))
                              : owner.name;
        for (const auto& mount : mounts)
            if (is_device_hierarchy(mount, version))
                if (auto found = levels(*path, mount, name))
                    return DeviceCgroup{.version = version, .levels = std::move(*found)};
    }
    return std::nullopt;
}

} // namespace grapnel::devices
