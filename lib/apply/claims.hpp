// SPDX-License-Identifier: Apache-2.0
// Which containers use a root file system.
//
// A directory for each root file system holds a link for each container that claimed it; the link's
// target is the identity of the container's process. A claim is stale if its process has ended
// without poststop: nothing in the root file system is kept for it. Callers hold the lock of the
// root file system (record_store.hpp).
#pragma once

#include "apply/record_store.hpp"
#include "base/path.hpp"
#include "base/result.hpp"
#include "sys/fd.hpp"
#include "sys/process_identity.hpp"

#include <optional>
#include <string>
#include <vector>

namespace grapnel::apply {

/// The claims beside one's own. Of very many as many are looked at as one read of the directory
/// brings; stale ones are dropped with each look, so that all get their turn.
struct OtherClaims {
    std::vector<std::string> living = {}; ///< keys
    std::vector<std::string> stale = {};

    [[nodiscard]] bool in_use() const { return !living.empty(); }
};

class Claims {
  public:
    [[nodiscard]] static Result<Claims> open(const RecordStore& store, const HostPath& rootfs);
    [[nodiscard]] static Result<Claims> open(const RecordStore& store, std::uint64_t rootfs_number);

    [[nodiscard]] Result<OtherClaims> others(const std::string& own) const;

    /// Nothing where there is no claim of that key, or it names no process.
    [[nodiscard]] Result<std::optional<sys::ProcessIdentity>> holder(const std::string& key) const;

    /// Makes the directory where it is missing.
    [[nodiscard]] Status add(const RecordStore& store, const std::string& key,
                             const sys::ProcessIdentity& holder);
    [[nodiscard]] Status remove(const std::string& key) const;

    /// Removes the directory if no claim is left.
    [[nodiscard]] Status remove_if_empty(const RecordStore& store) const;

  private:
    Claims(sys::Fd directory, std::string path)
        : directory_(std::move(directory)), path_(std::move(path)) {}

    sys::Fd directory_; ///< invalid until a container claims the root file system
    std::string path_;  ///< below the store
};

} // namespace grapnel::apply
