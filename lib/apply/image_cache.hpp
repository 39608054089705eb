// SPDX-License-Identifier: Apache-2.0
// The image's ld.so.cache as it is before the driver is mounted.
#pragma once

#include "apply/ld_conf.hpp"
#include "sys/root_dir.hpp"

#include <optional>
#include <string>

namespace grapnel::apply {

struct ImageCache {
    std::string text = {};                    ///< empty: there is no file
    std::optional<sys::FileFacts> facts = {}; ///< of the file
    /// Why it does not hold what an ldconfig that is run now would find. Nothing: it does.
    std::optional<std::string> stale = {};
    /// A warning, why it must stay as it is. Nothing: it can be replaced.
    std::optional<std::string> fixed = {};
};

/// A cache is sound if it parses and is sorted, and if every directory that it or ld.so.conf names,
/// the loaders' own and those of glibc-hwcaps
///
/// - lies on the root's own mount,
/// - was not changed since the cache was made,
/// - and is named in the cache, or holds no library.
///
/// A missing file is sound where no directory of ld.so.conf holds a library: a loader finds in its
/// own directories what the cache does not name. A file on a volume is fixed, as is one whose image
/// has no /etc.
[[nodiscard]] Result<ImageCache> look_at_cache(const LdConf& conf, sys::RootDir& root);

} // namespace grapnel::apply
