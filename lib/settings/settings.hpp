// SPDX-License-Identifier: Apache-2.0
// The settings file (config.toml). NVIDIA's keys keep their names and meaning; Grapnel's own
// stand beside them. config/README.md describes each key.
#pragma once

#include "base/driver_capability.hpp"
#include "base/path.hpp"
#include "base/result.hpp"

#include <string>
#include <string_view>
#include <vector>

namespace grapnel {

/// How the container's ld.so.cache is brought up to date.
enum class LdCache { automatic, ldconfig, off };

struct Settings {
    // NVIDIA's keys
    bool disable_require = false;
    std::vector<std::string> swarm_resources = {}; ///< swarm-resource: names of variables
    bool accept_environment_when_unprivileged = true;
    bool accept_volume_mounts = false;
    DriverCapabilities supported_driver_capabilities = DriverCapabilities::all();
    bool no_cgroups = false;
    HostPath ldconfig = {}; ///< empty: /sbin/ldconfig.real or /sbin/ldconfig
    HostPath ldcache_file = host_path("/etc/ld.so.cache");
    bool ignore_imex_channel_requests = false;
    std::string driver_root = "/"; ///< nvidia-container-cli.root

    // Grapnel's own keys
    LdCache ldcache = LdCache::automatic;
    HostPath log = host_path("/var/log/grapnel.log"); ///< empty: no log
    std::vector<HostPath> library_search_path = {};   ///< searched before everything else
    std::vector<HostPath> binary_search_path = {};    ///< searched before everything else
    std::vector<HostPath> config_search_path = {};    ///< searched before everything else

    bool operator==(const Settings&) const = default;
};

/// Whose file it is: in our own an unknown key is an error, in NVIDIA's it is passed over.
enum class Dialect { grapnel, nvidia };

inline constexpr std::size_t settings_size_limit = std::size_t{64} << 10;

/// Settings as `toml` gives them, on top of the defaults. `name` is the file's name: errors
/// begin with it and the line. A key of the wrong type, a value outside its domain and, in our
/// own dialect, an unknown key are errors.
[[nodiscard]] Result<Settings> parse_settings(std::string_view toml, Dialect dialect,
                                              std::string_view name);

} // namespace grapnel
