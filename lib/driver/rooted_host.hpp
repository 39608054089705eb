// SPDX-License-Identifier: Apache-2.0
// A host with a driver root, such as the root of a driver container (/run/nvidia/driver). Seen
// through this, the driver's files have the paths that they have in that root: links in it are
// followed as if it were "/", so that an absolute link stays inside.
//
// /proc and /sys are always the host's, as they are the kernel's. /dev is the device root's,
// which can be another one: a driver container often has no nodes of its own.
#pragma once

#include "base/path.hpp"
#include "base/result.hpp"
#include "sys/host_fs.hpp"

#include <memory>
#include <string>
#include <vector>

namespace grapnel {

class RootedHost final : public sys::HostFs {
  public:
    /// Both roots without a link in them. `host` must outlive this object.
    RootedHost(const sys::HostFs& host, HostPath driver_root, HostPath device_root);

    /// Where a path really lies on the host, without a link in it; a link at its end is followed
    /// or not. Missing components at its end are taken literally. A path that begins with the
    /// driver root itself, as the kernel names a driver container's firmware, means the same as
    /// without it.
    [[nodiscard]] Result<HostPath> place(const HostPath& path, bool follow) const;

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
    [[nodiscard]] Result<HostPath> walk(const HostPath& path, bool follow) const;
    [[nodiscard]] Result<HostPath> find(const HostPath& path, bool follow) const;
    [[nodiscard]] HostPath on_host(const HostPath& inside) const;

    const sys::HostFs& host_;
    HostPath driver_root_;
    HostPath device_root_;
};

/// Nothing where both roots are "/": then the host is seen as it is. Without a device root it is
/// the driver root if that has /dev/nvidiactl, else "/". Refuses a root that is not there.
[[nodiscard]] Result<std::unique_ptr<RootedHost>>
rooted_host(const sys::HostFs& host, const HostPath& driver_root, const HostPath& device_root);

} // namespace grapnel
