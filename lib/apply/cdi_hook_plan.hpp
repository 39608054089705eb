// SPDX-License-Identifier: Apache-2.0
// Plans for the hooks that CDI files of NVIDIA's tools name (nvidia-cdi-hook, nvidia-ctk hook).
//
// Such a hook runs in the stage createContainer, after the runtime has made the mounts of the CDI
// file. carry_out() of apply.hpp carries its plan out.
#pragma once

#include "plan/plan.hpp"
#include "sys/root_dir.hpp"

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace grapnel::apply {

enum class CdiHook {
    create_symlinks,
    update_ldcache,
    enable_cuda_compat,
    disable_device_node_modification,
    chmod,
    update_application_profile,
    create_soname_symlinks,
    noop,
};

/// Paths come from the CDI file, which is trusted; each is looked up below the root.
struct CdiHookRequest {
    CdiHook hook = CdiHook::noop;
    std::vector<Link> links = {};
    std::vector<InsidePath> folders = {}; ///< library directories
    std::vector<ModeChange> modes = {};
    std::string driver_version = {}; ///< of the host; empty: not known
    std::string cuda_version = {};
    InsidePath compat_directory = inside_path("/usr/local/cuda/compat");
    std::optional<HostPath> ldconfig = {}; ///< of the host

    bool operator==(const CdiHookRequest&) const = default;
};

/// | hook                             | plan                                                   |
/// | create-symlinks                  | the links; replaces a small file of the same name      |
/// | update-ldcache                   | the libraries of the folders in ld.so.cache, with the  |
/// |                                  | links of their SONAMEs; folders that the image's       |
/// |                                  | loader does not know in /etc/ld.so.conf.d              |
/// | enable-cuda-compat               | the directory of the image's newer libcuda in          |
/// |                                  | /etc/ld.so.conf.d                                      |
/// | disable-device-node-modification | a synthetic directory /proc/driver/nvidia, if the      |
/// |                                  | driver's params let programs make nodes                |
/// | chmod                            | the modes                                              |
/// | update-application-profile       | a profile with the GPUs that have a node in /dev       |
/// | create-soname-symlinks           | the links of the SONAMEs                               |
[[nodiscard]] Result<Plan> plan_of(const CdiHookRequest& request, LdCache ldcache,
                                   sys::RootDir& root);

/// The minors of the GPUs that have a node in the container's /dev.
[[nodiscard]] Result<std::vector<std::uint32_t>> gpu_minors(sys::RootDir& root);

} // namespace grapnel::apply
