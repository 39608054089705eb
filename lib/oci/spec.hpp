// SPDX-License-Identifier: Apache-2.0
// The part of a bundle's config.json that the hook needs (OCI runtime specification, config.md).
#pragma once

#include "base/device_number.hpp"
#include "base/path.hpp"
#include "base/result.hpp"

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace grapnel {

struct SpecMount {
    std::string source = {};
    std::string destination = {};
    bool operator==(const SpecMount&) const = default;
};

/// Of linux.gidMappings: numbers in the container's user namespace and in the runtime's.
struct IdMapping {
    std::uint32_t inside = 0;
    std::uint32_t outside = 0;
    std::uint32_t count = 0;
    bool operator==(const IdMapping&) const = default;
};

/// Of process.user: numbers in the container's user namespace.
struct ProcessUser {
    std::uint32_t user = 0;
    std::uint32_t group = 0;
    std::vector<std::uint32_t> groups = {}; ///< supplementary
    bool operator==(const ProcessUser&) const = default;
};

struct Spec {
    std::string root_path = {}; ///< as written: absolute, or relative to the bundle
    /// process.env as written, in order. An image sets it: every value in it is hostile.
    std::vector<std::string> environment = {};
    ProcessUser user = {};
    bool bounding_sys_admin = false; ///< the bounding set holds CAP_SYS_ADMIN: "privileged"
    std::vector<SpecMount> mounts = {};
    /// CDI names for which an engine entered a hook of ours, in order: cdi_device_option in the
    /// arguments of hooks.prestart and hooks.createRuntime.
    std::vector<std::string> cdi_devices = {};
    /// Annotations whose keys begin with a prefix that parse_spec() was given. The creator of the
    /// container writes them; an engine can copy annotations from its user.
    std::map<std::string, std::string> annotations = {};
    std::vector<DeviceRule> device_rules = {}; ///< linux.resources.devices, in order
    std::string cgroups_path = {};             ///< linux.cgroupsPath as written
    std::string mount_label = {};              ///< linux.mountLabel, of SELinux
    bool user_namespace = false;               ///< it has one of its own, or joins another's
    std::vector<IdMapping> gid_mappings = {};  ///< of a new one

    bool operator==(const Spec&) const = default;

    /// The container's number of a group that has that number where its runtime runs; nothing
    /// if it has no such number, or if that is not known.
    [[nodiscard]] std::optional<std::uint32_t> group_inside(std::uint32_t group) const;

    /// The value of the last entry of `environment` with that name. Engines append a user's
    /// values to the image's, so the last one is the one that counts.
    [[nodiscard]] std::optional<std::string_view> variable(std::string_view name) const;
};

inline constexpr std::size_t spec_size_limit = std::size_t{16} << 20;

/// Refuses text that is not a JSON object, lacks `process` or `root.path`, or has a member of
/// another type than the specification's where this program reads it. It ignores unknown
/// members, with mistakes within them (parse_json_members()), entries of process.env without '=',
/// and annotations whose keys do not begin with one of the prefixes.
[[nodiscard]] Result<Spec> parse_spec(std::string_view json,
                                      const std::vector<std::string>& annotation_prefixes = {});

/// Where the rootfs lies: root.path, joined to the bundle if it is relative, as runtimes do.
[[nodiscard]] Result<HostPath> rootfs_path(const Spec& spec, const HostPath& bundle);

} // namespace grapnel
