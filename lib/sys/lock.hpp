// SPDX-License-Identifier: Apache-2.0
// A lock that nobody waits for without end.
#pragma once

#include "base/result.hpp"
#include "sys/fd.hpp"

#include <cstdint>
#include <optional>
#include <string>

namespace grapnel::sys {

/// Locks the range `part`, a number of 63 bits, against other processes until the result goes.
/// Nothing if another process kept it for all of that time; with 0 milliseconds it is tried once.
///
/// `name` in `directory` is made where it is missing, as a file that its owner can write and nobody
/// read: a container that has /run as a read-only mount can neither open nor lock it, unless it has
/// CAP_DAC_OVERRIDE or CAP_DAC_READ_SEARCH.
[[nodiscard]] Result<std::optional<Fd>> lock_part(FdRef directory, const std::string& name,
                                                  std::uint64_t part, int time_limit_ms);

} // namespace grapnel::sys
