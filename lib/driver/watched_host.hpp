// SPDX-License-Identifier: Apache-2.0
// A host that keeps the first look-up that failed without an answer. Most files of a driver are
// optional, so the readers of the inventory take a failed look-up for an absent file; a system
// that has no memory or no descriptor left says nothing about the file, and neither does Landlock.
#pragma once

#include "driver/inventory.hpp"
#include "sys/host_fs.hpp"

#include <optional>
#include <utility>

namespace grapnel::driver {

class WatchedHost final : public sys::HostFs {
  public:
    /// `host` must outlive this object. `readable`: all that this process can open; empty:
    /// everything.
    WatchedHost(const sys::HostFs& host, ReadablePaths readable)
        : host_(host), readable_(std::move(readable)) {}

    [[nodiscard]] const std::optional<Error>& failure() const { return failure_; }

    [[nodiscard]] Result<std::string> read(const HostPath& path) const override;
    [[nodiscard]] Result<sys::FileView> map(const HostPath& path) const override;
    [[nodiscard]] Result<std::vector<std::string>> list(const HostPath& path) const override;
    [[nodiscard]] Result<std::vector<std::string>>
    list_matching(const HostPath& path, const sys::NameFilter& keep) const override;
    [[nodiscard]] Result<sys::FileFacts> stat(const HostPath& path) const override;
    [[nodiscard]] Result<sys::FileFacts> stat_link(const HostPath& path) const override;
    [[nodiscard]] Result<std::string> read_link(const HostPath& path) const override;
    [[nodiscard]] Result<HostPath> resolve(const HostPath& path) const override;

  private:
    template <typename T>
    [[nodiscard]] Result<T> watched(Result<T> result) const;
    template <typename T>
    [[nodiscard]] Result<T> opened(const HostPath& path, Result<T> result) const;
    template <typename T>
    [[nodiscard]] Result<T> listed(const HostPath& path, Result<T> result) const;
    template <typename T>
    [[nodiscard]] Result<T> permitted(const HostPath& path, Result<T> result, bool lists) const;

    const sys::HostFs& host_;
    ReadablePaths readable_;
    mutable std::optional<Error> failure_;
};

} // namespace grapnel::driver
