// SPDX-License-Identifier: Apache-2.0
// Linux capabilities by phase: in each the program can do what that phase needs and no more.
#pragma once

#include "base/result.hpp"
#include "sys/file.hpp"

#include <cstdint>
#include <vector>

namespace grapnel::sys {

enum class Phase {
    load_modules,  ///< start the system's modprobe
    make_nodes,    ///< make device nodes of the host
    read_host,     ///< read files that only root may, clone mounts
    look_inside,   ///< reach the container's process and its root file system
    attach,        ///< enter its mount namespace, make mount points, attach mounts
    device_cgroup, ///< change its device rules
    ldcache,       ///< start the cage for ldconfig
    probe,         ///< start a program of the host that has no rights
    clean_up,      ///< remove what was made in a root file system that can belong to another user
    done,
};

/// First thing in the program: no descriptor but stdin, stdout and stderr, which are open;
/// umask 022; no core dumps; no new privileges; the permitted set cut to the union of all phases.
[[nodiscard]] Status confine_process();

/// The last of these again, in another user namespace: there this process has every capability.
[[nodiscard]] Status confine_capabilities();

/// In its place, for a program that people start: the standard descriptors are open, the umask is
/// 022. Refused if it was started with more rights than its caller has (setuid, file capabilities).
[[nodiscard]] Status begin_program();

/// For a program that makes way for another, which gets everything as it was: the standard
/// descriptors are open until then, and those that were closed are closed again.
[[nodiscard]] Status hold_standard_descriptors();

/// Sets the effective set to what the phase needs, as far as it is permitted: a container engine
/// that runs without root has less, and the calls that need more then say so.
[[nodiscard]] Status enter_phase(Phase phase);

/// Gives up what only the phases that change the host need: load_modules and make_nodes, or the
/// first of them alone.
enum class HostChanges { modules, all };
[[nodiscard]] Status end_host_changes(HostChanges ended);

/// Whether this process has that Linux capability, or could raise it.
[[nodiscard]] bool is_permitted(int capability);

/// Whether this process can make mounts in a mount namespace of its user namespace.
[[nodiscard]] bool may_mount();

/// Gives up every Linux capability but these, permitted and effective.
[[nodiscard]] Status keep_capabilities(const std::vector<int>& kept);

/// The same for a process that is about to execute another program: neither root nor the file's
/// own capabilities bring back more. `kept` are had after it by root alone.
[[nodiscard]] Status keep_capabilities_over_exec(const std::vector<int>& kept);

/// Makes these the supplementary groups, where its user namespace lets a process change them: where
/// it does not, the container's processes keep theirs too.
[[nodiscard]] Status set_groups(const std::vector<std::uint32_t>& groups);

/// Makes this process that user and group for good. Linux capabilities stay as they are.
[[nodiscard]] Status become_user(const FileOwner& user);

} // namespace grapnel::sys
