// SPDX-License-Identifier: Apache-2.0
// Files that are about to change: shown as a diff, or written.
#pragma once

#include "base/result.hpp"
#include "engine_config/engine.hpp"
#include "sys/config_file.hpp"

#include <string>
#include <vector>

namespace grapnel::configure_command {

/// The most that a configuration file may hold.
inline constexpr std::size_t file_limit = std::size_t{1} << 18;

struct Change {
    sys::ConfigFile file;
    engine_config::Text after = {};          ///< nothing: the file goes
    bool back_up = false;                    ///< keep a backup of the old content
    bool drop_back_up = false;               ///< delete backups once the file equals one of them
    std::optional<sys::FileFacts> like = {}; ///< mode and owner of a new file
};

/// The backups of the file, the oldest first.
[[nodiscard]] Result<std::vector<engine_config::OtherFile>> backups_of(const HostPath& file);

[[nodiscard]] bool changes_anything(const std::vector<Change>& changes);

/// The changes as a unified diff.
[[nodiscard]] std::string shown(const std::vector<Change>& changes);

/// Writes and deletes the files in the order of the changes; returns a line for each file.
[[nodiscard]] Result<std::string> carry_out(const std::vector<Change>& changes);

} // namespace grapnel::configure_command
