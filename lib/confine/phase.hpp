// SPDX-License-Identifier: Apache-2.0
// Linux capabilities by phase (capabilities(7)). SECURITY.md has the capability sets of each phase;
// tests/integration/test_phases.py holds both to /proc/PID/status.
#pragma once

#include "base/result.hpp"

#include <initializer_list>

namespace grapnel::confine {

/// In the order in which they end.
enum class Phase {
    probe,         ///< start a program of the host that has no rights
    read_host,     ///< read files of the host that only root may
    look_inside,   ///< reach the container's process and read its root file system
    make_nodes,    ///< make device nodes of the host
    clone_sources, ///< clone mounts of the host
    clean_up,      ///< remove creations from a root file system that can belong to another user
    device_cgroup, ///< change the container's device rules
    enter,         ///< read its loader's files, enter its mount namespace
    ldconfig,      ///< start the cage for ldconfig, in a process of its own
    attach,        ///< make mount points, attach mounts
    write_files,   ///< write files and links of loaders
    done,          ///< write the log and the cleanup record
};

/// For the start of a program, and again in a user namespace that it has entered: the permitted set
/// is the union of all phases, nothing is effective, inheritable or ambient, and the bounding set
/// is empty: no program that is executed has a capability. An engine that runs without root has
/// less, and its bounding set stays, which without CAP_SETPCAP cannot be changed.
[[nodiscard]] Status confine_capabilities();

/// Before a process is started that only loads kernel modules, and inherits the bounding set:
/// CAP_SYS_MODULE alone, which modprobe gets. confine_capabilities() empties it after that.
[[nodiscard]] Status bound_to_modules();

/// In that process. Permitted and effective: the capabilities needed to execute modprobe.
[[nodiscard]] Status confine_to_modules();

/// Makes the phase's capabilities effective, as far as they are permitted. A call that lacks one
/// fails by itself.
[[nodiscard]] Status enter_phase(Phase phase);

/// The same, and ends the earlier phases: only capabilities of this and later phases stay
/// permitted.
[[nodiscard]] Status begin_phase(Phase phase);

/// Ends all phases but these, for a program that does no more.
[[nodiscard]] Status keep_phases(std::initializer_list<Phase> kept);

} // namespace grapnel::confine
