// SPDX-License-Identifier: Apache-2.0
// A program of the host, to be executed where something hostile is near.
#pragma once

#include "base/path.hpp"
#include "base/result.hpp"
#include "sys/fd.hpp"

namespace grapnel::confine {

/// The program in a sealed memfd (memfd_create(2), F_ADD_SEALS in fcntl(2)): nothing can reach the
/// host's file through /proc/PID/exe. It can be executed but not read. A process that executes an
/// unreadable file is closed to other processes of its user from its first instruction on: they can
/// neither trace it nor see its memory nor take its descriptors (PR_SET_DUMPABLE in prctl(2)).
[[nodiscard]] Result<sys::Fd> sealed_copy(const HostPath& program);

/// The same of one that is open for reading, from its beginning; `program` names it in errors.
[[nodiscard]] Result<sys::Fd> sealed_copy(sys::FdRef source, const HostPath& program);

} // namespace grapnel::confine
