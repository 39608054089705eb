// SPDX-License-Identifier: Apache-2.0
// The engine that started a container, told by the paths that engines choose: no engine names
// itself to a hook.
#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace grapnel {

/// "docker", "containerd", "cri" (containerd for kubelet), "podman", "cri-o"; "oci" for a bundle
/// outside of their directories: runc or crun by hand.
[[nodiscard]] std::string engine_of_bundle(std::string_view bundle);

struct CgroupOwner {
    std::string engine = {}; ///< as above, or "lxc"
    std::string id = {};     ///< the container's ID or name

    bool operator==(const CgroupOwner&) const = default;
};

/// By the last names in the path of a cgroup, from the root of its hierarchy.
[[nodiscard]] std::optional<CgroupOwner> owner_of_cgroup(std::string_view path);

} // namespace grapnel
