// SPDX-License-Identifier: Apache-2.0
// Records of version 1, of containers that were started before Grapnel was updated:
// DIRECTORY/containers/ID-NUMBER.json, without claims.
#pragma once

#include "apply/record_store.hpp"
#include "base/path.hpp"
#include "base/result.hpp"
#include "oci/state.hpp"
#include "sys/root_dir.hpp"

#include <vector>

namespace grapnel::apply {

/// The creations of a container's old record; nothing if there is no record, or of another root
/// file system.
[[nodiscard]] Result<std::vector<sys::Creation>>
creations_of_old_record(const RecordStore& store, const State& state, const HostPath& rootfs);

void drop_old_record(const RecordStore& store, const State& state);

/// The end of a container with an old record. Another that uses the root file system takes it over.
[[nodiscard]] Status clean_up_old_record(const RecordStore& store, const State& state);

} // namespace grapnel::apply
