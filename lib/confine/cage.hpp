// SPDX-License-Identifier: Apache-2.0
// A cage for a program of the host that has to read a hostile root file system.
//
// The program is run from a sealed copy in memory, so that nothing can reach the host's file
// through /proc/PID/exe (CVE-2019-5736, CVE-2024-0135). It runs in mount, PID, IPC, network and
// UTS namespaces of its own, with a copy of the container's mounts as its root in which nothing
// can be written or executed, and with one small tmpfs on top for its output. It is the container's
// process user, without Linux capabilities, so that it reads no more than the container may; it has
// no new privileges, a list of system calls, and limits on time, memory, files and output. Nothing
// of the image is ever executed.
#pragma once

#include "base/path.hpp"
#include "base/result.hpp"
#include "sys/fd.hpp"
#include "sys/file_rights.hpp"

#include <optional>
#include <string>
#include <vector>

namespace grapnel::confine {

struct Caged {
    sys::FdRef program = {};                 ///< a sealed copy (sealed_copy.hpp)
    sys::FdRef root = {};                    ///< detached: becomes the root directory
    sys::FdRef scratch = {};                 ///< detached, writable: is put on scratch_place
    InsidePath scratch_place = {};           ///< must exist in root
    std::optional<sys::FileUser> user = {};  ///< may write to scratch; nothing: this process's own
    std::vector<std::string> arguments = {}; ///< argv
};

/// Runs it to its end, with an empty environment. An error if it cannot be started, fails or
/// takes longer than 30 seconds; the last thing it said is in the error.
[[nodiscard]] Status run_caged(const Caged& caged);

} // namespace grapnel::confine
