// SPDX-License-Identifier: Apache-2.0
// The driver's libraries that a container is given.
#pragma once

#include "base/notices.hpp"
#include "base/path.hpp"
#include "base/result.hpp"
#include "base/version.hpp"
#include "driver/inventory.hpp"
#include "driver/library_directories.hpp"
#include "sys/host_fs.hpp"

#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace grapnel::driver {

/// A file that is no library of this machine, such as an empty file of another tool, is skipped
/// with a warning. A library with a DT_NEEDED entry for a missing library of the driver is kept,
/// with a warning.
[[nodiscard]] Result<std::vector<Library>>
libraries(const sys::HostFs& host, const std::vector<LibraryDirectory>& directories,
          const std::string& version, DriverCapabilities wanted, Notices& notices);

struct ReadLibrary {
    Library library = {};
    std::vector<std::string> needed = {}; ///< names of other libraries
    sys::FileId file = {};
};

/// The library at `path`; nothing for a library of another machine.
[[nodiscard]] Result<std::optional<ReadLibrary>>
read_library(const sys::HostFs& host, const HostPath& path, bool with_32bit);

/// A library of the driver's that has a version of its own.
struct OwnVersion {
    std::string_view stem = {}; ///< its name before ".so"
    Version version = {};
};

[[nodiscard]] std::optional<OwnVersion> own_version(std::string_view name);

/// Libraries of EGL's external platforms (Wayland, GBM, X11), which distributions package apart
/// from the driver. A library that is not in `have` is added, as the host's loader finds it.
void add_egl_platforms(const sys::HostFs& host, DriverCapabilities wanted,
                       std::vector<Library>& have, Notices& notices);

} // namespace grapnel::driver
