// SPDX-License-Identifier: Apache-2.0
// Small files of the image that tell its loaders where to look, beside the ld.so.cache.
#pragma once

#include "apply/ld_conf.hpp"
#include "plan/plan.hpp"
#include "sys/root_dir.hpp"

#include <string>
#include <vector>

namespace grapnel::apply {

/// - Where the image's libcuda is preferred: compat_file() (apply/ld_conf.hpp), so that an
///   ldconfig that is run in the container later prefers it still. Only where /etc/ld.so.conf
///   would read it. Its link libcuda.so.1, where the image leaves that to ldconfig. Where it is
///   not preferred, a compat_file() that an earlier container left behind goes.
/// - In an image with musl's loader: /etc/ld-musl-ARCH.path, with what it says (or the default
///   that holds without it), the directories of the driver's libraries behind, and in front the
///   image's libcuda where it is preferred.
///
/// What is made is for the container's time, and recorded. None of it is needed to start a
/// container: returns a remark for each that cannot be made. Must run in the container's mount
/// namespace, after the mounts.
[[nodiscard]] Result<std::vector<std::string>>
write_loader_files(const Plan& plan, const LdConf& conf, sys::RootDir& root);

} // namespace grapnel::apply
