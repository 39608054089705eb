// SPDX-License-Identifier: Apache-2.0
// The options of mounts where mount_setattr(2) is missing, on Linux before 5.12. mount(2) changes
// an attached mount alone, of the caller's own mount namespace. Private to this module.
#pragma once

#include "base/mount_options.hpp"
#include "base/result.hpp"
#include "sys/fd.hpp"
#include "sys/mount.hpp"

#include <span>

namespace grapnel::sys {

/// As set_options(). A child attaches each mount in a mount namespace of its own, remounts it
/// there, and puts a detached copy of it in the place of the descriptor, which both share.
[[nodiscard]] Status remount_detached(std::span<const DetachedMount> mounts);

/// As set_options_recursively(). A mount that another one covers cannot be reached, and stays as
/// it is.
[[nodiscard]] Status remount_recursively(const char* path, const MountOptions& options);

} // namespace grapnel::sys
