// SPDX-License-Identifier: Apache-2.0
// Where an image keeps libraries.
#pragma once

#include "base/result.hpp"
#include "image/facts.hpp"
#include "sys/root_dir.hpp"

namespace grapnel::image {

/// | the image has                                  | library directory            |
/// | /etc/debian_version or /usr/lib/TRIPLET        | /usr/lib/TRIPLET             |
/// | /usr/lib64, apart from /usr/lib                | /usr/lib64                   |
/// | /usr/lib64, a link to /usr/lib                 | /usr/lib                     |
/// | musl's loader                                  | of /usr/lib64 and /usr/lib   |
/// |                                                | the first in its path        |
/// | glibc's loader (ld-linux)                      | of /usr/lib64 and /usr/lib   |
/// |                                                | the first of its own         |
/// | else                                           | /usr/lib64                   |
///
/// /usr/lib64 is NVIDIA's choice, which programs name in LD_LIBRARY_PATH: it stays wherever the
/// image's loader does not look into /usr/lib by itself.
[[nodiscard]] Result<ImageLayout> image_layout(sys::RootDir& root);

/// False where the image certainly lacks the loader of a program (PT_INTERP).
[[nodiscard]] bool has_loader(sys::RootDir& root, const std::string& loader);

} // namespace grapnel::image
