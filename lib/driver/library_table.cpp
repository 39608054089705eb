// SPDX-License-Identifier: Apache-2.0
// Which driver capability a library belongs to.
#include "driver/library_table.hpp"

#include "driver/graphics.hpp"

#include <algorithm>
#include <array>
#include <utility>

namespace grapnel::driver {

namespace {

using enum DriverCapability;
using Caps = DriverCapabilities;

constexpr Caps nobody{};
constexpr Caps cuda{compute, video};
constexpr Caps drawing{graphics, display};
constexpr Caps everything_but_utility{compute, display, graphics, ngx, video};

/// By the name before ".so".
constexpr std::array<std::pair<std::string_view, Caps>, 54> table{{
    {"libEGL", drawing}, // of a driver that was installed without libglvnd, like the next three
    {"libGL", drawing},
    {"libGLESv1_CM", drawing},
    {"libGLESv2", drawing},
    {"libEGL_nvidia", drawing},
    {"libGLESv1_CM_nvidia", drawing},
    {"libGLESv2_nvidia", drawing},
    {"libGLX_nvidia", drawing},
    {"libglxserver_nvidia", nobody}, // a module of the X server: see x_server_modules()
    {"libcuda", cuda},
    {"libcudadebugger", cuda},
    {"libnvcuvid", Caps{video}},
    {"libnvidia-allocator", Caps{compute, video, graphics, display}},
    {"libnvidia-api", drawing},
    {"libnvidia-cbl", drawing},
    {"libnvidia-cfg", Caps{utility}},
    {"libnvidia-compiler", cuda},
    {"libnvidia-egl-gbm", drawing},
    {"libnvidia-egl-wayland", drawing},
    {"libnvidia-egl-wayland2", drawing},
    {"libnvidia-egl-xcb", drawing},
    {"libnvidia-egl-xlib", drawing},
    {"libnvidia-eglcore", drawing},
    {"libnvidia-encode", Caps{video}},
    {"libnvidia-fatbinaryloader", cuda},
    {"libnvidia-fbc", drawing},
    {"libnvidia-glcore", drawing},
    {"libnvidia-glsi", drawing},
    {"libnvidia-glvkspirv", drawing},
    {"libnvidia-gpucomp", Caps{compute, video, graphics, display}},
    {"libnvidia-gtk2", nobody}, // of nvidia-settings, a program of the desktop
    {"libnvidia-gtk3", nobody},
    {"libnvidia-ifr", drawing},
    {"libnvidia-ml", Caps{utility}},
    {"libnvidia-ngx", Caps{ngx}},
    {"libnvidia-nscq", Caps{utility}},
    {"libnvidia-nvvm", cuda},
    {"libnvidia-nvvm70", cuda},
    {"libnvidia-opencl", cuda},
    {"libnvidia-opticalflow", Caps{video}},
    {"libnvidia-pkcs11", cuda},
    {"libnvidia-pkcs11-openssl3", cuda},
    {"libnvidia-present", drawing},
    {"libnvidia-ptxjitcompiler", cuda},
    {"libnvidia-rtcore", drawing},
    {"libnvidia-sandboxutils", Caps{utility}},
    {"libnvidia-tileiras", cuda},
    {"libnvidia-tls", drawing},
    {"libnvidia-vulkan-producer", drawing},
    {"libnvidia-wayland-client", nobody},
    {"libnvidia-wfb", nobody}, // of an X server of long ago
    {"libnvoptix", drawing},
    {"libvdpau_nvidia", Caps{video}},
    {"libnvidia-vksc-core", drawing},
}};

/// Names of the table that libraries of other makers have too.
constexpr std::array<std::string_view, 4> also_others{"libEGL", "libGL", "libGLESv1_CM",
                                                      "libGLESv2"};

/// Whether the table can hold the name: most libraries of a host are told at once.
constexpr bool may_be_known(std::string_view stem) {
    return stem.find("nv") != std::string_view::npos || stem.find("cuda") != std::string_view::npos;
}
static_assert(std::ranges::all_of(table, [](const auto& one) {
    return may_be_known(one.first)
           || std::ranges::find(also_others, one.first) != also_others.end();
}));

} // namespace

bool is_driver_library(std::string_view name) {
    const auto stem = name.substr(0, name.find(".so"));
    if (!may_be_known(stem))
        return false;
    if (stem.starts_with("libnvidia-"))
        return true;
    const bool is_known =
        std::ranges::any_of(table, [&](const auto& one) { return one.first == stem; });
    return is_known && std::ranges::find(also_others, stem) == also_others.end();
}

bool library_wanted(std::string_view name, DriverCapabilities wanted) {
    const auto stem = name.substr(0, name.find(".so"));
    const auto* const known =
        std::ranges::find(table, stem, &std::pair<std::string_view, Caps>::first);
    const auto owners = known == table.end() ? everything_but_utility : known->second;
    return !(owners & wanted).empty();
}

} // namespace grapnel::driver
