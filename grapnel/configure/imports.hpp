// SPDX-License-Identifier: Apache-2.0
// The files that containerd reads beside config.toml, in its order.
#pragma once

#include "base/path.hpp"
#include "base/result.hpp"
#include "engine_config/engine.hpp"

#include <vector>

namespace grapnel::configure_command {

/// The files that `config` imports, directly and through other imports: each once, breadth first,
/// the matches of a pattern in alphabetical order, as containerd does. `drop_in` is in the list
/// even if it does not exist; its text is not read.
[[nodiscard]] Result<std::vector<engine_config::OtherFile>>
imported_files(const engine_config::OtherFile& config, const HostPath& drop_in);

/// The regular files of a directory, sorted by name; empty without such a directory. `except` is
/// left out.
[[nodiscard]] Result<std::vector<engine_config::OtherFile>> files_in(const HostPath& directory,
                                                                     const HostPath& except);

} // namespace grapnel::configure_command
