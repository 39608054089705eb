// SPDX-License-Identifier: Apache-2.0
// Keeps the mounts of a container in the container.
//
// The kernel attaches a mount to every peer and slave of the mount that it is attached to as well
// (mount_namespaces(7)). The mount that the target lies on decides:
//
// | it is                                    | action                                     |
// |------------------------------------------|--------------------------------------------|
// | private, slave or unbindable             | attach                                     |
// | shared, its peer group has no host mount | make it a slave, attach, make it shared    |
// | shared, its peer group has a host mount  | below /proc the same, elsewhere refuse     |
//
// A slave propagates nothing: neither to peers on the host, nor elsewhere in the container, nor in
// a mount namespace that cannot be seen from here. A refused volume is one that the user shares
// with the host on purpose; no start may end that.
//
// Runtimes: runc (1.1.5 to 1.3.6) and crun (1.8.1 to 1.28) make the root file system private
// before their hooks run, whatever linux.rootfsPropagation says, and set that at the end. At a hook
// these are shared (below a shared "/" of the host):
//
// | mount                              | with rootfsPropagation | peers                         |
// |------------------------------------|------------------------|-------------------------------|
// | a volume with the option (r)shared | rslave, unset          | new, slaves of the host's     |
// | the same                           | others                 | the host's                    |
// | a volume without such an option    | (r)shared              | the host's                    |
// | /proc bound in a user namespace    | (r)shared              | new; the host's with crun 1.28 |
// | of a user of nvidia-container-cli  | -                      | any                           |
#pragma once

#include "base/path.hpp"
#include "base/result.hpp"
#include "sys/fd.hpp"
#include "sys/file.hpp"
#include "sys/root_dir.hpp"

#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <vector>

namespace grapnel::apply {

class PeerGroups {
  public:
    /// `host` are the peer groups of the host's mount namespace, sorted, and outlive this object.
    /// Where this process began in the container's mount namespace no other is known, and every
    /// peer group counts as the host's.
    PeerGroups(const std::vector<std::uint64_t>& host, sys::RootDir& root);
    PeerGroups(const PeerGroups&) = delete;
    PeerGroups& operator=(const PeerGroups&) = delete;
    /// Makes the slaves shared again.
    ~PeerGroups();

    /// Must come right before an attach to `target`, with its attributes; `directory` is the target
    /// itself or the directory that it lies in. Must run in the container's mount namespace.
    [[nodiscard]] Status contain(sys::FdRef target, const sys::FileFacts& facts,
                                 sys::FdRef directory, const InsidePath& inside);

  private:
    [[nodiscard]] Status pin(sys::FdRef fd, std::uint64_t mount);
    [[nodiscard]] Result<std::optional<std::uint64_t>> peer_group(sys::FdRef target,
                                                                  std::uint64_t mount);

    const std::vector<std::uint64_t>& host_groups_;
    std::uint64_t root_mount_ = 0;
    /// For a kernel that tells no mount's group alone: by pinned mount, as they were read after the
    /// last pin.
    std::map<std::uint64_t, std::optional<std::uint64_t>> groups_ = {};
    std::map<std::uint64_t, sys::Fd> pins_ = {}; ///< by mount: its ID is not reused meanwhile
    std::set<std::uint64_t> contained_ = {};     ///< mounts that send nothing
    std::vector<sys::Fd> left_ = {};             ///< the roots of mounts to be shared again
};

} // namespace grapnel::apply
