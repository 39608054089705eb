// SPDX-License-Identifier: Apache-2.0
// containerd's configuration, versions 1 to 4. The runtime goes into a file of its own, the
// drop-in, which config.toml imports.
//
// Before containerd 2.1 the last file that sets a plugin replaces its whole section, from 2.1 on
// files are merged key by key. So the drop-in repeats the plugin's section of the last of the
// others: right for both.
#pragma once

#include "engine_config/engine.hpp"

namespace grapnel::engine_config {

struct ContainerdFiles {
    OtherFile config = {};               ///< its text may be empty
    std::string drop_in = {};            ///< the path
    std::vector<OtherFile> earlier = {}; ///< imported before the drop-in, in containerd's order
    std::vector<OtherFile> later = {};   ///< imported behind it
};

/// The file names and patterns that the file imports, absolute: a relative one is relative to the
/// file's directory.
[[nodiscard]] Result<std::vector<std::string>> containerd_imports(const OtherFile& file);

/// Whether such a name or pattern stands for `path`.
[[nodiscard]] bool import_matches(const std::string& pattern, const std::string& path);

/// config.toml with the drop-in imported, unless it is already. A file without a setting imports
/// all of /etc/containerd/conf.d if the drop-in lies there, as containerd does by default from 2.2
/// on, and gets the newest version of `others`, its imports: no import may be newer than
/// config.toml.
[[nodiscard]] Result<std::string> import_drop_in(const OtherFile& config,
                                                 const std::string& drop_in,
                                                 const std::vector<OtherFile>& others = {});

/// The opposite of import_drop_in.
[[nodiscard]] Result<std::string> forget_drop_in(const OtherFile& config,
                                                 const std::string& drop_in);

/// The drop-in. Refused where a file that is imported later would undo it.
[[nodiscard]] Result<Edit> containerd_drop_in(const ContainerdFiles& files,
                                              const RuntimeEntry& entry);

} // namespace grapnel::engine_config
