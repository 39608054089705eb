// SPDX-License-Identifier: Apache-2.0
// Docker's daemon.json. It has no drop-ins: the runtime is entered into the user's own file.
#pragma once

#include "engines/engine.hpp"

namespace grapnel::engines {

/// `name` is that of the file, for errors. What else the file holds stays as it is: other runtimes,
/// other features, arguments of a runtime that had the same name.
[[nodiscard]] Result<Edit> add_to_docker(const Text& text, const RuntimeEntry& entry,
                                         std::string_view name);

/// The file before the first change, by the copies that were made before each, the oldest first:
/// what one run entered is in the copy of the next and taken out of it, which is every runtime that
/// has the entry's path.
[[nodiscard]] Result<Text> original_of_docker(const std::vector<OtherFile>& copies,
                                              const RuntimeEntry& entry);

/// Takes out what add_to_docker put in: the runtime if it has that path, the default if it names
/// it, and with entry.cdi the feature. `copy` is the file before the first change: what it had
/// at these places comes back, and if it was missing a file that holds nothing any more goes.
[[nodiscard]] Result<Edit> remove_from_docker(const Text& text, const Text& copy,
                                              const RuntimeEntry& entry, std::string_view name);

} // namespace grapnel::engines
