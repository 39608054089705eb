// SPDX-License-Identifier: Apache-2.0
// The time of a directory's last change, as it was before a change that counts for nothing.
#pragma once

#include "sys/fd.hpp"

#include <cstdint>
#include <optional>

namespace grapnel::sys {

/// Sets a directory's time back when it goes, because ld.so.cache counts as stale where a directory
/// is newer: mount points and links come and go with the container and must not make it so.
///
/// The time stays as it is where somebody else's change must show: where it was that of a moment
/// ago before, and where it is later than the last change of this program's. Best effort: before
/// Linux 5.8, and without permission, the time stays too.
class DirectoryTime {
  public:
    /// A directory on another mount than that one keeps its time.
    DirectoryTime(FdRef directory, std::uint64_t mount);
    DirectoryTime(const DirectoryTime&) = delete;
    DirectoryTime& operator=(const DirectoryTime&) = delete;
    ~DirectoryTime();

    /// This program has just changed the directory.
    void changed();

  private:
    std::optional<FdRef> directory_; ///< where its time is to be set back
    std::int64_t before_ns_ = 0;
    std::optional<std::int64_t> changed_ns_ = {};
};

} // namespace grapnel::sys
