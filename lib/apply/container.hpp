// SPDX-License-Identifier: Apache-2.0
// The container that is being made, held by descriptors.
#pragma once

#include "base/path.hpp"
#include "base/result.hpp"
#include "devices/device_cgroup.hpp"
#include "oci/spec.hpp"
#include "oci/state.hpp"
#include "plan/plan.hpp"
#include "sys/process.hpp"
#include "sys/process_identity.hpp"
#include "sys/root_dir.hpp"

#include <optional>
#include <string>
#include <sys/types.h>

namespace grapnel::apply {

struct Container {
    /// The state under which creations are recorded. Nothing: no caller reports the container's
    /// end, and creations stay.
    std::optional<State> state = {};
    /// The record is stale after the end of this process. Nothing: no record is kept.
    std::optional<sys::ProcessIdentity> claimant = {};
    HostPath rootfs = {};
    std::optional<sys::Process> process = {}; ///< nothing: its mount namespace is this program's
    sys::RootDir root;
    sys::FileOwner owner = {}; ///< the container's root user, as the host sees it
    devices::CgroupFacts cgroup = {};
    std::string mount_label = {}; ///< of SELinux, for file systems of the container's own
};

/// The text of config.json in the container's bundle.
[[nodiscard]] Result<std::string> read_config(const HostPath& bundle);

/// The rootfs as the host sees it, for a process that cannot open it later: it is confined before
/// it parses config.json, which a confined process does here (confine/confined_child.hpp).
[[nodiscard]] Result<HostPath> rootfs_by_config(const std::string& config, const HostPath& bundle);

/// The hooks of a rootless runtime are unprivileged too: a hook has the right to mount only in the
/// container's user namespace, which it enters here. Does nothing for a hook that has it already,
/// or a container that shares the hook's user namespace.
[[nodiscard]] Status enter_user_namespace(const State& state);

/// Holds the process that the state names and the rootfs as that process sees it. Refuses a
/// process that has no mount namespace of its own: mounts there would be mounts on the host.
/// Refuses a rootfs that is not mounted there.
[[nodiscard]] Result<Container> open_container(const State& state, const Spec& spec);

/// The same without a state and a config.json: by the process's ID and the rootfs as that process
/// sees it, which need not be mounted.
[[nodiscard]] Result<Container> open_container(pid_t pid, const HostPath& rootfs);

/// In the mount namespace that this program was started in, which must be the container's and not
/// the host's: mounts there would stay. No cgroup is known.
[[nodiscard]] Result<Container> open_own_container(const HostPath& rootfs);

/// For a hook of the stage createContainer, which runs in the container's namespaces while the
/// host's root is still its own. No process and no cgroup are known.
[[nodiscard]] Result<Container> open_container_from_inside(const State& state);

/// Refuses the host's mount namespace, where mounts would stay.
[[nodiscard]] Status check_own_mount_namespace();

/// The rootfs as the host sees it, for a look without a container.
[[nodiscard]] Result<sys::RootDir> open_rootfs(const HostPath& rootfs);

} // namespace grapnel::apply
