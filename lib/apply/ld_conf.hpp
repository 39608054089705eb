// SPDX-License-Identifier: Apache-2.0
// The image's /etc/ld.so.conf (ldconfig(8)).
#pragma once

#include "sys/root_dir.hpp"

#include <string>
#include <vector>

namespace grapnel::apply {

/// Where this program puts the directory of an image's own libcuda (plan/forward_compat.hpp)
/// for the container's time: the first among its neighbours.
[[nodiscard]] const InsidePath& compat_file();

struct LdConf {
    std::vector<std::string> directories = {}; ///< each once, in order
    bool reads_compat_file = false;            ///< it would, if it were there
};

/// What it and the files that it includes say. What compat_file() says is left out: whether it
/// holds is decided anew for each container. ldconfig would read these files itself, and wait for
/// ever for a FIFO among them or follow an include that includes itself; here files that are not
/// regular are passed over, each file is read once, and there are limits (256 files of 64 KiB,
/// 4,096 directories) past which the rest is passed over.
[[nodiscard]] LdConf image_ld_conf(sys::RootDir& root);

} // namespace grapnel::apply
