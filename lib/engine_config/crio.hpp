// SPDX-License-Identifier: Apache-2.0
// CRI-O's configuration (crio.conf(5)). It reads every file in the directory of its drop-ins, in
// alphabetical order, key by key: the runtime goes into a file of its own there.
#pragma once

#include "engine_config/engine.hpp"

namespace grapnel::engine_config {

struct CrioFiles {
    std::vector<OtherFile> earlier = {}; ///< crio.conf and the drop-ins that are read before ours
    std::string drop_in = {};            ///< the path
    std::vector<OtherFile> later = {};
};

/// The drop-in. The default runtime's other keys (its monitor, the annotations that it accepts)
/// hold for the new one too. Refused where a later file would undo it.
[[nodiscard]] Result<Edit> crio_drop_in(const CrioFiles& files, const RuntimeEntry& entry);

} // namespace grapnel::engine_config
