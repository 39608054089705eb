// SPDX-License-Identifier: Apache-2.0
// Looks into an image for a libcuda of its own (plan/forward_compat.hpp).
#pragma once

#include "base/notices.hpp"
#include "base/result.hpp"
#include "image/facts.hpp"
#include "sys/root_dir.hpp"

#include <optional>

namespace grapnel::image {

struct FoundCompat {
    std::optional<CompatLibrary> library = {};
    Notices notices = {}; ///< why one that is there cannot be used
};

/// The one regular file libcuda.so.*.* in `directory`; links and directories do not count; nothing
/// if there are several. The file can be of any size and change while it is read: only the few
/// parts of it that lead to the note are read, each with a limit.
[[nodiscard]] Result<FoundCompat> find_compat_library(sys::RootDir& root,
                                                      const InsidePath& directory);

} // namespace grapnel::image
