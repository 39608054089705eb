// SPDX-License-Identifier: Apache-2.0
#include "image/facts.hpp"

namespace grapnel {

const InsidePath& compat_directory() {
    static const auto directory = inside_path("/usr/local/cuda/compat");
    return directory;
}

const InsidePath& jetson_compat_directory() {
    static const auto directory = inside_path("/usr/local/cuda/compat_orin");
    return directory;
}

} // namespace grapnel
