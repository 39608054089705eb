// SPDX-License-Identifier: Apache-2.0
// The container's request, and whether it is allowed. All policy is here.
//
// An image may ask; it decides nothing. The rules, in the order in which they are applied:
//
// 0. Where an engine resolved CDI names, these are the devices, and their container gets every
//    driver capability that the settings support. Rules 1 and 4 to 8 do not apply.
// 1. Devices come from annotations with a key prefix of the settings (cdi.k8s.io/), in the
//    modes auto and cdi, if there are any; else from volume mounts (a bind of /dev/null below
//    /var/run/nvidia-container-devices), if the settings accept these and there are any; else
//    from the variables that `swarm-resource` names, if one is set; else from
//    NVIDIA_VISIBLE_DEVICES; else, in a legacy image, they are all.
// 2. Variables, and in mode auto annotations, count only in a privileged container (CAP_SYS_ADMIN
//    in the bounding set), unless the settings accept them in every container, as they do by
//    default.
// 3. `void` anywhere, an empty list and an unset variable ask for nothing, and nothing is done.
//    The first of `all` and `none` decides: every GPU, or the driver without one.
//    A CDI name of NVIDIA's stands for its device: a GPU (nvidia.com/gpu=0), a device group
//    (nvidia.com/gds=all), an IMEX channel (nvidia.com/imex-channel=0). Names of the latter two
//    kinds bring no driver. management.nvidia.com/gpu=all is every GPU and every node that the
//    driver has, and needs a privileged container. A name of another vendor's kind is refused; in
//    an annotation it is the engine's, and ignored.
// 4. Driver capabilities come from NVIDIA_DRIVER_CAPABILITIES, cut to the supported ones of the
// settings. Unset or empty it means utility and compute; in a legacy image unset means all. A
// capability
//    that is named must have its library on the host; by `all` and by default a container gets
//    the capabilities whose libraries are there.
// 5. Requirements are NVIDIA_REQUIRE_* in the order of their names, except NVIDIA_REQUIRE_JETPACK*,
//    and cuda>=MAJOR.MINOR of CUDA_VERSION in a legacy image, unless they are disabled.
// 6. NVIDIA_MIG_CONFIG_DEVICES=all and NVIDIA_MIG_MONITOR_DEVICES=all ask for the right to make
//    and to watch MIG devices, and need a privileged container.
// 7. IMEX channels come from volume mounts imex/NAME, if the settings accept these and there are
//    any; else from NVIDIA_IMEX_CHANNELS, where rules 2 and 3 hold. A legacy image asks for none.
//    Channels that are asked for by CDI names are given beside these.
// 8. NVIDIA_GDS, NVIDIA_MOFED, NVIDIA_GDRCOPY and NVIDIA_NVSWITCH ask by the value `enabled`
//    alone, where rule 2 holds.
//
// A legacy image sets CUDA_VERSION and not NVIDIA_REQUIRE_CUDA.
#pragma once

#include "base/driver_capability.hpp"
#include "base/notices.hpp"
#include "base/result.hpp"
#include "base/special_devices.hpp"
#include "oci/spec.hpp"
#include "request/gpu_name.hpp"
#include "request/requirement.hpp"
#include "settings/settings.hpp"

#include <optional>
#include <string>
#include <vector>

namespace grapnel {

struct Request {
    bool driver = true; ///< false: device groups and IMEX channels alone
    enum class Devices { none, all, listed };
    Devices devices = Devices::none;
    std::vector<GpuName> listed = {}; ///< without duplicates, in order
    DriverCapabilities driver_capabilities = {};
    DriverCapabilities named_capabilities = {}; ///< of these, asked for by name: not by `all`
    std::vector<Requirement> requirements = {};
    bool mig_config = false;  ///< the right to make MIG devices
    bool mig_monitor = false; ///< the right to watch all MIG devices
    bool management = false;  ///< every node of the driver's; `devices` is all
    ImexChannels imex_channels = {};
    DeviceGroups device_groups = {};
    bool additional_gids = true; ///< the process joins the groups of its device nodes
    LdCache ldcache = LdCache::automatic;
    bool forward_compat = true; ///< a newer libcuda of the image may be preferred
    bool change_cgroup = true;
    bool bind_devices = true;   ///< else device nodes get their rules alone
    bool gsp_firmware = true;   ///< files that the GPU's own processor loads
    bool persistenced = true;   ///< the socket of that daemon
    bool fabricmanager = true;  ///< the socket of that daemon
    bool all_csv_lists = false; ///< NVIDIA_REQUIRE_JETPACK=csv-mounts=all, for a Jetson

    bool operator==(const Request&) const = default;
};

struct Asked {
    std::optional<Request> request = {}; ///< nothing: not a GPU container
    std::string no_request = {}; ///< the reason why there is no request, unless a warning has it
    Notices notices = {};        ///< for the log

    bool operator==(const Asked&) const = default;
};

/// Pure. Refuses a request that is not allowed or malformed.
[[nodiscard]] Result<Asked> make_request(const Spec& spec, const Settings& settings);

/// make_request() with settings that may hold a mistake: it refuses a container that asks for
/// anything, and is a warning for all others.
[[nodiscard]] Result<Asked> resolve_request(const Spec& spec, const SettingsReading& reading);

/// The beginnings of the keys of annotations that count, for parse_spec().
[[nodiscard]] std::vector<std::string> annotation_prefixes(const Settings& settings);

} // namespace grapnel
