// SPDX-License-Identifier: Apache-2.0
// The facts on an image that a plan depends on: values only.
#pragma once

#include "base/path.hpp"

#include <optional>
#include <string>

namespace grapnel {

/// The image's directory for its own libcuda (package cuda-compat). Links in the path are the
/// image's, and are resolved inside it.
[[nodiscard]] const InsidePath& compat_directory();
/// That directory for a Jetson, which has other libraries.
[[nodiscard]] const InsidePath& jetson_compat_directory();

/// The image's libcuda.
struct CompatLibrary {
    InsidePath directory = compat_directory();
    std::string name = {};                ///< libcuda.so.VERSION
    std::optional<std::string> note = {}; ///< its ELF section .note.cuda.fwd_compatibility

    bool operator==(const CompatLibrary&) const = default;
};

/// The image's directories for the driver's files.
struct ImageLayout {
    InsidePath libraries = inside_path("/usr/lib64");
    InsidePath libraries_32bit = inside_path("/usr/lib32");
    bool proc_driver_nvidia = true; ///< the container's /proc shows the driver's files
    std::optional<CompatLibrary> compat = {};

    bool operator==(const ImageLayout&) const = default;
};

} // namespace grapnel
