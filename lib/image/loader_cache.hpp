// SPDX-License-Identifier: Apache-2.0
// The image's ld.so.cache as it is before the driver is mounted.
#pragma once

#include "image/ld_conf.hpp"
#include "sys/root_dir.hpp"

#include <optional>
#include <string>

namespace grapnel::image {

struct ImageCache {
    std::string text = {};                    ///< empty: there is no file
    std::optional<sys::FileFacts> facts = {}; ///< of the file
    sys::Fd file = {};                        ///< open for reading
    /// Why the cache differs from a new ldconfig's output. Nothing: it does not.
    std::optional<std::string> stale = {};
    /// A warning, why it must stay as it is. Nothing: it can be replaced.
    std::optional<std::string> fixed = {};
};

/// A cache is sound if it parses and is sorted, and if every directory that it or ld.so.conf names,
/// the loaders' own and the directories of glibc-hwcaps
///
/// - lies on the root's own mount,
/// - was not changed since the cache was made,
/// - and is named in the cache, or holds no library.
///
/// A missing file is sound where no directory of ld.so.conf holds a library: a loader searches its
/// own directories for libraries that the cache does not name. A file on a volume is fixed, as is
/// the file of an image without /etc.
[[nodiscard]] Result<ImageCache> look_at_cache(const LdConf& conf, sys::RootDir& root);

} // namespace grapnel::image
