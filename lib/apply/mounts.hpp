// SPDX-License-Identifier: Apache-2.0
// The plan's mounts and links, in two halves: everything of the host is opened and cloned
// before the container's mount namespace is entered, everything inside is opened after.
#pragma once

#include "apply/container.hpp"
#include "base/notices.hpp"
#include "base/result.hpp"
#include "plan/plan.hpp"
#include "sys/fd.hpp"

#include <cstdint>
#include <vector>

namespace grapnel::apply {

struct Source {
    const Mount* mount = nullptr;
    sys::Fd tree = {}; ///< detached, with its final options
    sys::FileFacts facts = {};
};

struct Sources {
    std::vector<Source> mounts = {};
    std::vector<sys::Fd> views = {}; ///< filled and read-only, in the order of the plan
    Notices notices = {};            ///< failures of optional items
};

/// Clones the plan's mounts, and checks the type of each source and the number of each device node.
/// Synthetic directories have the SELinux label `label`, if it is not empty and the kernel takes
/// it. Must run in the host's mount namespace. The plan must outlive the result.
[[nodiscard]] Result<Sources> open_sources(const Plan& plan, const std::string& label);

/// Attaches the sources and makes the links. Files of an earlier run stay. A target on a volume
/// that is shared with the host is refused (peer_groups.hpp); `peer_groups` are the host's. Must
/// run in the container's mount namespace.
[[nodiscard]] Status attach_all(const Plan& plan, const Sources& sources,
                                const std::vector<std::uint64_t>& peer_groups, Container& container,
                                Notices& notices);

} // namespace grapnel::apply
