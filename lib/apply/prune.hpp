// SPDX-License-Identifier: Apache-2.0
// Cleanup records that nobody will come for.
#pragma once

#include "apply/record_store.hpp"
#include "base/path.hpp"

namespace grapnel::apply {

/// Removes records of root file systems that are gone: Docker's --gpus has no poststop. Looks at a
/// few neighbours of the record of `rootfs` in a random order: each start adds one record and looks
/// at several.
void prune_stale_records(const RecordStore& store, const HostPath& rootfs);

} // namespace grapnel::apply
