// SPDX-License-Identifier: Apache-2.0
// The hooks that CDI files of NVIDIA's tools name (nvidia-cdi-hook, nvidia-ctk hook), as plans.
//
// Such a hook runs in the stage createContainer: the runtime has mounted all that the file lists,
// and the hook does the rest. A plan of its own is carried out as any other (apply.hpp).
#pragma once

#include "plan/plan.hpp"
#include "sys/root_dir.hpp"

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

/// Paths are those of the file, which is trusted; all of them are looked up below the root.
struct CdiHookRequest {
    CdiHook hook = CdiHook::noop;
    std::vector<Link> links = {};
    std::vector<InsidePath> folders = {}; ///< of libraries
    std::vector<ModeChange> modes = {};
    std::string driver_version = {}; ///< of the host; empty: not known
    std::string cuda_version = {};
    InsidePath compat_directory = inside_path("/usr/local/cuda/compat");
    std::optional<HostPath> ldconfig = {}; ///< of the host

    bool operator==(const CdiHookRequest&) const = default;
};

/// | hook                             | plan                                                   |
/// | create-symlinks                  | the links; a small file of such a name is replaced     |
/// | update-ldcache                   | the libraries of the folders in ld.so.cache, with the  |
/// |                                  | links of their SONAMEs; folders that the image's       |
/// |                                  | loader does not know in /etc/ld.so.conf.d              |
/// | enable-cuda-compat               | the directory of a newer libcuda of the image there    |
/// | disable-device-node-modification | a view of /proc/driver/nvidia, where the driver's      |
/// |                                  | params let programs make nodes                         |
/// | chmod                            | the modes                                              |
/// | update-application-profile       | a profile with the GPUs whose nodes are in /dev        |
/// | create-soname-symlinks           | the links of the SONAMEs                               |
[[nodiscard]] Result<Plan> plan_of(const CdiHookRequest& request, LdCache ldcache,
                                   sys::RootDir& root);

} // namespace grapnel::apply
