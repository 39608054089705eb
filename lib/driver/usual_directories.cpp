// SPDX-License-Identifier: Apache-2.0
// Directories in which distributions and installers keep libraries, the driver's or not. The same
// below a driver root.
#include "driver/usual_directories.hpp"

#include <array>

namespace grapnel::driver {

namespace {

#if defined(__x86_64__)
constexpr std::array<std::string_view, 2> multiarch{"/usr/lib/x86_64-linux-gnu",
                                                    "/lib/x86_64-linux-gnu"};
constexpr std::array<std::string_view, 4> usual_32bit{
    "/usr/lib/i386-linux-gnu",
    "/usr/lib32",
    "/lib/i386-linux-gnu",
    "/run/opengl-driver-32/lib",
};
#else
constexpr std::array<std::string_view, 2> multiarch{"/usr/lib/aarch64-linux-gnu",
                                                    "/lib/aarch64-linux-gnu"};
constexpr std::array<std::string_view, 2> usual_32bit{"/usr/lib/arm-linux-gnueabihf",
                                                      "/lib/arm-linux-gnueabihf"};
#endif

constexpr std::array<std::string_view, 16> usual{
    "/usr/lib64",
    "/usr/lib",
    "/lib64",
    "/lib",
    "/usr/local/nvidia/lib64",
    "/usr/local/nvidia/lib",
    "/usr/local/lib64",
    "/usr/local/lib",
    "/run/opengl-driver/lib",            // NixOS
    "/opt/nvidia/lib64",                 // Flatcar
    "/opt/nvidia/lib",                   //
    "/opt/nvidia/current/lib64",         //
    "/home/kubernetes/bin/nvidia/lib64", // GKE on Container-Optimized OS
    "/var/lib/nvidia/lib64",             // Container-Optimized OS
    "/usr/local/glibc/usr/lib",          // Talos
    "/usr/local/glibc/lib",              //
};

} // namespace

std::vector<HostPath> usual_library_directories(bool with_32bit) {
    std::vector<HostPath> out;
    for (const auto directory : multiarch)
        out.push_back(host_path(directory));
    for (const auto directory : usual)
        out.push_back(host_path(directory));
    if (with_32bit)
        for (const auto directory : usual_32bit)
            out.push_back(host_path(directory));
    return out;
}

std::optional<HostPath> prefix_of(const HostPath& library_directory) {
    for (auto at = library_directory; !at.name().empty(); at = at.parent())
        if (at.name() == "lib" || at.name() == "lib64")
            return at.parent();
    return std::nullopt;
}

} // namespace grapnel::driver
