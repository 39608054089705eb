// SPDX-License-Identifier: Apache-2.0
// Small files of the image that tell its loaders where to look, beside the ld.so.cache.
#pragma once

#include "base/notices.hpp"
#include "image/ld_conf.hpp"
#include "plan/plan.hpp"
#include "sys/root_dir.hpp"

namespace grapnel::apply {

/// - Where the image's libcuda is preferred: compat_file() (image/ld_conf.hpp), so that an
///   ldconfig that is run in the container later prefers it still. Only where /etc/ld.so.conf
///   would read it. Its link libcuda.so.1, where the image leaves that to ldconfig. Where it is
///   not preferred, a compat_file() that an earlier container left behind goes.
/// - In an image with musl's loader: /etc/ld-musl-ARCH.path, with its content (or else musl's
///   default), followed by the directories of the driver's libraries, and preceded by the directory
///   of the image's libcuda if that is preferred.
///
/// Creations are recorded, and removed with the container. A start does not depend on them: a
/// failure is a warning. Must run in the container's mount namespace, after the mounts.
[[nodiscard]] Status write_loader_files(const Plan& plan, const image::LdConf& conf,
                                        sys::RootDir& root, Notices& notices);

} // namespace grapnel::apply
