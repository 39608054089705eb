// SPDX-License-Identifier: Apache-2.0
// What stays in a root file system when its container stops: the mount points and links that
// had to be made. They are recorded, and removed at poststop if they are still what was made.
#pragma once

#include "base/path.hpp"
#include "base/result.hpp"
#include "oci/state.hpp"
#include "sys/fd.hpp"
#include "sys/root_dir.hpp"

#include <string>
#include <string_view>
#include <vector>

namespace grapnel::apply {

struct Residue {
    HostPath rootfs = {};
    std::vector<sys::Creation> creations = {}; ///< in the order in which they were made
};

/// Where records are kept: /run/grapnel/containers, or for a user who may not write there
/// /run/user/ID/grapnel/containers. One file a container; its name is the container's ID and a
/// number made of the bundle's path: two engines can use one ID.
[[nodiscard]] Result<sys::Fd> make_residue_directory();

[[nodiscard]] std::string to_json(const Residue& residue);
[[nodiscard]] Result<Residue> parse_residue(std::string_view text);

/// Makes the record of a container if there is none. From then on the root file system is in use:
/// nothing in it goes when another container that has it ends. To be called before anything in it
/// is relied on or made. `directory` is make_residue_directory()'s. Now and then this also removes
/// the records of root file systems that are gone: Docker's --gpus has no poststop.
[[nodiscard]] Status claim_rootfs(sys::FdRef directory, const State& state, const HostPath& rootfs);

/// Adds to the record. `directory` was opened before the container's mount namespace was entered.
[[nodiscard]] Status save_residue(sys::FdRef directory, const State& state, Residue residue);

/// Removes a record that names nothing: the container did not start, and for such a one not every
/// runtime calls poststop.
[[nodiscard]] Status give_up_claim(sys::FdRef directory, const State& state);

/// Removes what the record names, newest first, and the record. Where another container has the
/// same root file system it still needs what was made, and its record takes it over. Without a
/// record there is nothing to do.
[[nodiscard]] Status remove_residue(const State& state);

} // namespace grapnel::apply
