// SPDX-License-Identifier: Apache-2.0
// Landlock (landlock(7), Linux 5.13): a process gives up the file system, whatever its user may.
#pragma once

#include "base/path.hpp"
#include "base/result.hpp"
#include "sys/fd.hpp"

#include <cstdint>

namespace grapnel::confine {

/// | access     | of a directory and all below it, or of a file                     |
/// | list       | list directories                                                  |
/// | read       | read files, list directories                                      |
/// | append     | write to files, make them and directories                         |
/// | change     | read, write, make, rename and remove files, directories and links |
/// | make_nodes | make and rename character devices, links and directories          |
enum class FileAccess { list, read, append, change, make_nodes };

/// All that a process and its children may do to files from enforce() on: each other access is
/// denied, as are changes of mounts, TCP (Linux 6.7), ioctl(2) of devices (6.10) and abstract
/// sockets of processes outside (6.12). Descriptors that are open stay as they are; looking a path
/// up and stat(2) stay allowed. Rights of later versions of Landlock count where the kernel has
/// them.
class FileRules {
  public:
    FileRules();

    /// A path that is missing, or closed to this user, is left out.
    void allow(const HostPath& path, FileAccess access);
    void allow(sys::FdRef file, FileAccess access);

    /// An error where the kernel has no Landlock, an outer container denies it, or a rule could not
    /// be added: the process goes on with the rights of its user.
    [[nodiscard]] Status enforce() const;

  private:
    std::uint64_t handled_ = 0;
    int failed_ = 0; ///< errno of the first call that failed
    sys::Fd rules_ = {};
};

} // namespace grapnel::confine
