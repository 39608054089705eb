// SPDX-License-Identifier: Apache-2.0
// A program of the host that runs code which this process does not trust with its own rights:
// the driver's library, in grapnel-probe.
//
// It runs in mount, PID, IPC, network and UTS namespaces of its own, where every mount of the host
// is read-only and nosuid, as an unprivileged user: no Linux capability, no other group, no new
// privileges, a list of system calls, and limits on time, memory, files and output. It inherits no
// descriptor, no variable and no terminal. The host's device nodes can be opened as far as their
// permissions let that user; nothing of a container can be seen. It is run from a sealed copy that
// this user cannot read: containers can have processes of the same user, and they must not get hold
// of one that stands outside with the host's devices open.
//
// The filters for the container and for a description allow no other program, and children inherit
// them: this has to be called before them.
#pragma once

#include "base/path.hpp"
#include "base/result.hpp"

#include <cstdint>
#include <string>
#include <vector>

namespace grapnel::confine {

struct HostProgram {
    HostPath program = {};
    std::vector<std::string> arguments = {}; ///< after its name
    std::uint32_t user = 65534;
    std::uint32_t group = 65534;
};

/// Runs it to its end, at most 10 seconds, and returns its standard output, at most 64 KiB. If it
/// fails, the last thing that it said on standard error is in the error.
[[nodiscard]] Result<std::string> run_without_rights(const HostProgram& program);

} // namespace grapnel::confine
