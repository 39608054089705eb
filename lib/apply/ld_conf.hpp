// SPDX-License-Identifier: Apache-2.0
// The image's /etc/ld.so.conf (ldconfig(8)).
#pragma once

#include "sys/root_dir.hpp"

#include <string>
#include <vector>

namespace grapnel::apply {

/// The directories that it and the files that it includes name, in order, each once. ldconfig
/// would read these files itself, and wait for ever for a FIFO among them or follow an include
/// that includes itself; here files that are not regular are passed over, each file is read
/// once, and there are limits (256 files of 64 KiB, 4,096 directories) past which the rest is
/// passed over.
[[nodiscard]] std::vector<std::string> image_library_directories(sys::RootDir& root);

} // namespace grapnel::apply
