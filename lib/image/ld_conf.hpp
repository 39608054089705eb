// SPDX-License-Identifier: Apache-2.0
// The image's /etc/ld.so.conf (ldconfig(8)).
#pragma once

#include "sys/root_dir.hpp"

#include <string>
#include <vector>

namespace grapnel::image {

/// Where this program puts the directory of an image's own libcuda (plan/forward_compat.hpp)
/// for the container's time: the first among its neighbours.
[[nodiscard]] const InsidePath& compat_file();

struct LdConf {
    std::vector<std::string> directories = {}; ///< each once, in order
    bool reads_compat_file = false;            ///< it would, if it were there
};

/// The directories that it and the files that it includes name, but for compat_file(), which holds
/// for one container. ldconfig itself would wait for ever for a FIFO or follow a file that includes
/// itself. Here a file that is not regular is passed over, each file is read once and each
/// directory listed once, and one budget bounds the work to a fraction of a second: 256 files of 64
/// KiB, 1 MiB in all, 65,536 names listed, 4,096 directories, and steps of comparing patterns with
/// names. The rest is passed over.
[[nodiscard]] LdConf read_ld_conf(sys::RootDir& root);

} // namespace grapnel::image
