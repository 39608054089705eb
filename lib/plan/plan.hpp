// SPDX-License-Identifier: Apache-2.0
// Everything that will be done to a container, as a value.
//
// Rules that every plan keeps (check() holds it to them):
// - every path inside is one that this program chose, never one that an image named;
// - no two views, mounts and links share a place inside, and no link leaves the root;
// - a device node has its own device rule, a node of the right to manage MIG devices the rules of
//   future instances, and there is no other rule;
// - a node that will be made on the host is also given to the container;
// - nothing is mounted in a directory of the host;
// - the sockets of the driver's daemons are writable mounts, nothing else is: a device can be
//   written to in a read-only mount as well, and its node's mode and owner stay the host's;
// - below /proc there is nothing but /proc/driver/nvidia, and that is a view.
#pragma once

#include "base/device_number.hpp"
#include "base/driver_capability.hpp"
#include "base/ld_cache_mode.hpp"
#include "base/mount_options.hpp"
#include "base/node_attributes.hpp"
#include "base/path.hpp"
#include "base/result.hpp"
#include "plan/forward_compat.hpp"

#include <functional>
#include <optional>
#include <string>
#include <vector>

namespace grapnel {

struct Mount {
    enum class Kind { library, library32, binary, firmware, device, ipc, config, proc };
    Kind kind = Kind::library;
    HostPath host = {};
    InsidePath view_file = {}; ///< instead of `host`: this file of a view
    InsidePath inside = {};
    bool directory = false;                  ///< else a file of some type
    std::optional<DeviceNumber> device = {}; ///< of a device node
    std::vector<DeviceNumber> grants = {};   ///< of a device node: others that may be used
    bool optional = false;                   ///< if it cannot be made, that is a warning
    std::string soname = {}; ///< of a library: the name that a loader looks up, where it is known

    auto operator<=>(const Mount&) const = default;
};

[[nodiscard]] MountOptions mount_options(Mount::Kind kind);

struct Link {
    InsidePath inside = {};
    std::string target = {};    ///< a path of the container, relative or absolute
    bool optional = false;      ///< as Mount::optional
    bool replaces_file = false; ///< a small file of that name too, which comes back at the end

    auto operator<=>(const Link&) const = default;
};

/// A small file for the container's time. If it cannot be written, that is a warning.
struct File {
    InsidePath inside = {};
    std::string text = {};

    auto operator<=>(const File&) const = default;
};

/// New permissions of a file that is there. Where it is missing or on a volume, it stays as it is.
struct ModeChange {
    InsidePath inside = {};
    std::uint32_t mode = 0;

    auto operator<=>(const ModeChange&) const = default;
};

/// Where a link leads as its text says; nothing if that is not another place below the root.
[[nodiscard]] std::optional<InsidePath> destination(const Link& link);

/// A synthetic directory: a small read-only tmpfs, mounted on a directory before everything else.
/// It has the mount points of mounts below `inside`, and a mount can show one of its files
/// elsewhere (Mount::view_file).
struct View {
    struct File {
        std::string path = {}; ///< below `inside`: plain names with '/' between them
        std::string text = {};

        bool operator==(const File&) const = default;
    };
    InsidePath inside = {};
    std::vector<File> files = {};              ///< an empty one can be the place of a mount
    std::vector<std::string> directories = {}; ///< as File::path; parents of files are implied
    bool must_exist = false; ///< `inside` belongs to a file system in which nothing can be made
    bool optional = false;   ///< if it cannot be made, that is a warning

    bool operator==(const View&) const = default;
};

struct PlannedMigDevice {
    unsigned index = 0;
    std::uint32_t gpu_instance = 0;
    std::uint32_t compute_instance = 0;
    std::string uuid = {}; ///< empty: not known

    bool operator==(const PlannedMigDevice&) const = default;
};

struct PlannedGpu {
    unsigned index = 0;
    std::uint32_t minor = 0;
    std::string uuid = {};
    std::string pci = {};
    std::vector<PlannedMigDevice> mig_devices = {};

    bool operator==(const PlannedGpu&) const = default;
};

/// A device node that is missing on the host and will be made there.
struct HostNode {
    HostPath path = {};
    DeviceNumber number = {};
    NodeAttributes attributes = {};
    bool optional = false; ///< if it cannot be made, that is a warning

    auto operator<=>(const HostNode&) const = default;
};

/// Fields in the order in which they are carried out.
struct Plan {
    std::string driver_version = {};
    std::optional<std::string> cuda_version = {};
    std::vector<PlannedGpu> gpus = {};
    DriverCapabilities driver_capabilities = {};
    std::vector<HostNode> host_nodes = {}; ///< each is mounted as well
    std::vector<View> views = {};
    std::vector<Mount> mounts = {};
    std::vector<Link> links = {};
    std::vector<File> files = {};       ///< of a hook of a CDI file alone
    std::vector<ModeChange> modes = {}; ///< of a hook of a CDI file alone
    std::vector<DeviceRule> device_rules = {};
    /// Groups of the device nodes, for the process to join: sorted. apply cannot change the
    /// process; whoever writes config.json can (process.user.additionalGids).
    std::vector<std::uint32_t> additional_gids = {};
    bool change_cgroup = true;
    bool bind_devices = true; ///< else the mounts of device nodes are left out
    LdCache ldcache = LdCache::automatic;
    std::vector<InsidePath> library_directories = {}; ///< for the ld.so.cache
    std::optional<PlannedCompat> compat = {};         ///< its directory comes before all of them
    std::vector<std::string> requirements = {};

    bool operator==(const Plan&) const = default;
};

/// Where a path of the inventory really lies on the host; a link at its end is followed or not.
using Locate = std::function<Result<HostPath>(const HostPath& path, bool follow_last_link)>;

/// For a driver below a driver root: resolves the plan's host paths to paths of the host.
[[nodiscard]] Status relocate(Plan& plan, const Locate& locate);

/// An error is a mistake of this program or a driver file with an impossible name.
[[nodiscard]] Status check(const Plan& plan);

/// One JSON object, indented, with a newline at its end; `{}` for nothing to do.
[[nodiscard]] std::string to_json(const std::optional<Plan>& plan);

} // namespace grapnel
