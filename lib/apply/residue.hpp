// SPDX-License-Identifier: Apache-2.0
// What stays in a root file system when its container stops: the mount points and links that
// had to be made. They are recorded, and removed at poststop if they are still what was made.
#pragma once

#include "apply/mountinfo.hpp"
#include "apply/residue_place.hpp"
#include "base/path.hpp"
#include "base/result.hpp"
#include "oci/state.hpp"
#include "sys/root_dir.hpp"

#include <string>
#include <string_view>
#include <vector>

namespace grapnel::apply {

struct Residue {
    HostPath rootfs = {};
    std::vector<sys::Creation> creations = {}; ///< in the order in which they were made
};

[[nodiscard]] std::string to_json(const Residue& residue);
[[nodiscard]] Result<Residue> parse_residue(std::string_view text);

/// A container has one record, a file; its name is the container's ID and a number made of the
/// bundle's path: two engines can use one ID. What changes one is an error of EBUSY after ten
/// seconds in which another process kept the root file system's lock (residue_place.hpp).

/// Makes the record of a container if there is none. From then on the root file system is in use:
/// nothing in it goes when another container that has it ends. To be called before anything in it
/// is relied on or made.
[[nodiscard]] Status claim_rootfs(const ResiduePlace& place, const State& state,
                                  const HostPath& rootfs);

/// Adds to the record.
[[nodiscard]] Status save_residue(const ResiduePlace& place, const State& state, Residue residue);

/// Removes a record that names nothing: the container did not start, and for such a one not every
/// runtime calls poststop.
[[nodiscard]] Status give_up_claim(const ResiduePlace& place, const State& state,
                                   const HostPath& rootfs);

/// Removes the records of root file systems that are gone: Docker's --gpus has no poststop. Does so
/// rarely enough that a start is not slowed down by the number of containers. `mounts` are this
/// process's.
void forget_the_gone(const ResiduePlace& place, const std::vector<MountInfo>& mounts);

/// Removes what the record names, newest first, and the record. Where another container has the
/// same root file system it still needs what was made, and its record takes it over. Without a
/// record there is nothing to do.
[[nodiscard]] Status remove_residue(const State& state);

} // namespace grapnel::apply
