// SPDX-License-Identifier: Apache-2.0
#include "oci/container_engine.hpp"

#include "base/text.hpp"

#include <algorithm>
#include <array>
#include <utility>

namespace grapnel {

namespace {

/// Each engine has a containerd namespace of its own.
std::string engine_of_namespace(std::string_view name) {
    if (name == "moby" || name == "plugins.moby")
        return "docker";
    return name == "k8s.io" ? "cri" : "containerd";
}

/// 64 hexadecimal digits, as all engines but ctr and runc name containers.
bool is_long_id(std::string_view name) {
    constexpr std::string_view digits = "0123456789abcdef";
    return name.size() == 64 && name.find_first_not_of(digits) == std::string_view::npos;
}

constexpr std::array<std::pair<std::string_view, std::string_view>, 5> scope_prefixes{{
    {"docker-", "docker"},
    {"libpod-", "podman"},
    {"cri-containerd-", "cri"},
    {"crio-", "cri-o"},
    {"nerdctl-", "containerd"},
}};

std::optional<CgroupOwner> owner_of_name(std::string_view name, std::string_view parent) {
    constexpr std::string_view lxc = "lxc.payload.";
    if (name.starts_with(lxc) && name.size() > lxc.size())
        return CgroupOwner{"lxc", std::string(name.substr(lxc.size()))};
    if (parent == "lxc" && !name.empty())
        return CgroupOwner{"lxc", std::string(name)};
    const auto plain = name.ends_with(".scope") ? name.substr(0, name.size() - 6) : name;
    for (const auto& [prefix, engine] : scope_prefixes)
        if (plain.starts_with(prefix) && is_long_id(plain.substr(prefix.size())))
            return CgroupOwner{std::string(engine), std::string(plain.substr(prefix.size()))};
    if (is_long_id(name) && parent == "docker")
        return CgroupOwner{"docker", std::string(name)};
    if (is_long_id(name) && parent.starts_with("pod"))
        return CgroupOwner{"cri", std::string(name)};
    if (parent == "default" && !name.empty())
        return CgroupOwner{"containerd", std::string(name)};
    return std::nullopt;
}

} // namespace

std::string engine_of_bundle(std::string_view bundle) {
    for (const std::string_view task :
         {"/io.containerd.runtime.v2.task/", "/io.containerd.runtime.v1.linux/"}) {
        const auto at = bundle.find(task);
        if (at == std::string_view::npos)
            continue;
        const auto rest = bundle.substr(at + task.size());
        return engine_of_namespace(rest.substr(0, rest.find('/')));
    }
    if (bundle.find("-containers/") != std::string_view::npos && bundle.ends_with("/userdata"))
        return bundle.starts_with("/run/containers/") || bundle.starts_with("/var/run/containers/")
                   ? "cri-o"
                   : "podman";
    return "oci";
}

std::optional<CgroupOwner> owner_of_cgroup(std::string_view path) {
    const auto names = split(path, '/');
    for (auto i = names.size(); i-- > 0;)
        if (auto owner = owner_of_name(names[i], i == 0 ? "" : names[i - 1]))
            return owner;
    return std::nullopt;
}

} // namespace grapnel
