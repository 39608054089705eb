// SPDX-License-Identifier: Apache-2.0
// The capability sets of this process (capabilities(7)). Private to this module, but for
// is_permitted() and may_mount().
#pragma once

#include "base/result.hpp"

#include <array>
#include <cstdint>
#include <vector>

namespace grapnel::sys {

using Capabilities = std::vector<int>;

/// Whether this process has that Linux capability, or could raise it.
[[nodiscard]] bool is_permitted(int capability);

/// Whether this process can make mounts in a mount namespace of its user namespace.
[[nodiscard]] bool may_mount();

/// Gives up every Linux capability but these, permitted and effective. Nothing stays inheritable,
/// so nothing stays ambient.
[[nodiscard]] Status keep_capabilities(const Capabilities& kept);

/// Gives up every permitted capability but these; the effective ones are `effective`, as far as
/// they are kept.
[[nodiscard]] Status set_capabilities(const Capabilities& kept, const Capabilities& effective);

/// Makes these effective, and no others, as far as they are permitted.
[[nodiscard]] Status set_effective(const Capabilities& wanted);

/// The words of an effective set.
using EffectiveSet = std::array<std::uint32_t, 2>;

/// Makes this the effective set, which has to be permitted; returns the one before.
[[nodiscard]] Result<EffectiveSet> exchange_effective(const EffectiveSet& wanted);

/// The sets are read from the kernel once, and what left the bounding set is remembered. For calls
/// that change them (setns(2) to a user namespace, setresuid(2)): they are read once more.
void forget_capabilities();

/// Drops all other capabilities from the bounding set, the limit of root's capabilities after
/// execve(2). Needs CAP_SETPCAP, as effective; without it the set stays.
[[nodiscard]] Status drop_bounding_set(const Capabilities& kept);

} // namespace grapnel::sys
