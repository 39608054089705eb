// SPDX-License-Identifier: Apache-2.0
// Docker's daemon.json. It has no drop-ins: the runtime is entered into the user's own file.
#pragma once

#include "engine_config/engine.hpp"

namespace grapnel::engine_config {

/// `name` is that of the file, for errors. The rest of the file stays as it is: other runtimes,
/// other features, arguments of a runtime that had the same name.
[[nodiscard]] Result<Edit> add_to_docker(const Text& text, const RuntimeEntry& entry,
                                         std::string_view name);

/// The file before the first change, by the copies that were made before each, the oldest first:
/// the entry of one run is in the copy of the next and removed from it: every runtime with the
/// entry's path.
[[nodiscard]] Result<Text> original_of_docker(const std::vector<OtherFile>& copies,
                                              const RuntimeEntry& entry);

/// Removes the entries of add_to_docker: the runtime if it has that path, the default if it names
/// it, and with entry.cdi the feature. `copy` is the file before the first change: its values
/// at these places come back, and if it was missing an empty file is removed.
[[nodiscard]] Result<Edit> remove_from_docker(const Text& text, const Text& copy,
                                              const RuntimeEntry& entry, std::string_view name);

} // namespace grapnel::engine_config
