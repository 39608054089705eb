// SPDX-License-Identifier: Apache-2.0
// The container's state as an OCI runtime gives it to a hook on stdin
// (OCI runtime specification, runtime.md, "State").
#pragma once

#include "base/path.hpp"
#include "base/result.hpp"

#include <optional>
#include <string>
#include <string_view>
#include <sys/types.h>

namespace grapnel {

struct State {
    std::string id = {};
    std::optional<pid_t> pid = {}; ///< nothing for poststop: no key (runc) or 0 (crun)
    HostPath bundle = {};
    bool stopped = false;              ///< its status: it has ended
    std::optional<HostPath> root = {}; ///< the root file system, where the runtime says it (crun)

    bool operator==(const State&) const = default;
};

/// More than any runtime writes; a longer state is refused.
inline constexpr std::size_t state_size_limit = std::size_t{1} << 20;

/// Needs `id` (letters, digits and "_+-." alone, as runc accepts it: it becomes a file name)
/// and an absolute `bundle` (or `bundlePath`, its name before 1.0). `pid`, if it is there, must
/// be a process ID. `root`, which crun adds, counts if it is absolute. Every other key is passed
/// over.
[[nodiscard]] Result<State> parse_state(std::string_view json);

} // namespace grapnel
