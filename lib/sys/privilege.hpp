// SPDX-License-Identifier: Apache-2.0
// The state that a process inherits from its caller, and its privileges.
#pragma once

#include "base/result.hpp"
#include "sys/file.hpp"

#include <cstdint>
#include <vector>

namespace grapnel::sys {

/// First thing in the program: not dumpable, so that no process without CAP_SYS_PTRACE gets hold of
/// it (PR_SET_DUMPABLE in prctl(2)); no descriptor but stdin, stdout and stderr, which are open;
/// umask 022; no core dumps; no new privileges. Linux capabilities are cut by
/// confine_capabilities().
[[nodiscard]] Status confine_process();

/// In its place, for a program that people start: the standard descriptors are open, the umask is
/// 022. Refused if it was started with more rights than its caller has (setuid, file capabilities).
[[nodiscard]] Status begin_program();

/// The part of confine_process() for a child that is confined alone. Without CAP_SYS_ADMIN the
/// kernel loads no seccomp filter before it.
[[nodiscard]] Status set_no_new_privileges();

/// For a program that makes way for another, which gets everything as it was: closed standard
/// descriptors are open until then, and closed again by execve(2).
[[nodiscard]] Status hold_standard_descriptors();

/// Closes every descriptor but the first three.
[[nodiscard]] Status close_inherited_descriptors();

/// Makes these the supplementary groups, where its user namespace lets a process change them: where
/// it does not, the container's processes keep theirs too.
[[nodiscard]] Status set_groups(const std::vector<std::uint32_t>& groups);

/// Makes this process that user and group for good. Linux capabilities stay as they are.
[[nodiscard]] Status become_user(const FileOwner& user);

} // namespace grapnel::sys
