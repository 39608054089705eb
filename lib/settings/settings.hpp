// SPDX-License-Identifier: Apache-2.0
// The settings file (config.toml). NVIDIA's keys keep their names and meaning; Grapnel's own
// stand beside them. config/README.md describes each key.
#pragma once

#include "base/driver_capability.hpp"
#include "base/ld_cache_mode.hpp"
#include "base/path.hpp"
#include "base/result.hpp"

#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace grapnel {

/// Where this build installs grapnel-probe.
[[nodiscard]] HostPath installed_probe();

/// Of nvidia-container-runtime.mode. It says whether the driver's files are looked for, or named
/// by JetPack's CSV lists (automatic and the modes of CDI: the lists on a Tegra board without the
/// nvidia module's GPUs), and how much annotations count.
enum class RuntimeMode { automatic, cdi, csv, jit_cdi, legacy };

/// Where the log goes: the file that `log` names, systemd's journal, or syslog.
enum class LogTarget { file, journal, syslog };
enum class LogFormat { text, json };
/// Lines of this level and of more severe levels are written.
enum class LogLevel { error, warning, notice, info };

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
    bool disable_imex_channel_creation = false; ///< of nodes that are missing
    std::string cuda_compat_mode = "ldconfig";
    bool allow_compat_from_container = false; ///< features.allow-cuda-compat-libs-from-container
    bool disable_compat_hook = false;         ///< features.disable-cuda-compat-lib-hook
    bool no_additional_gids = false;          ///< features.no-additional-gids-for-device-nodes
    std::string probe_user = {}; ///< nvidia-container-cli.user: USER[:GROUP]; empty: nobody
    HostPath driver_root = host_path("/"); ///< nvidia-container-cli.root
    bool load_kmods = true;                ///< modules loaded and nodes made where they are missing

    /// nvidia-container-runtime.runtimes: low-level runtimes, the first that is there counts
    std::vector<std::string> runtimes = {"runc", "crun"};
    RuntimeMode mode = RuntimeMode::automatic;
    /// nvidia-container-runtime.modes.cdi: the key prefixes of annotations that name devices, and
    /// the kind of a name without a kind in that mode
    std::vector<std::string> annotation_prefixes = {"cdi.k8s.io/"};
    std::string default_kind = "nvidia.com/gpu";
    /// nvidia-container-runtime.modes.csv.compat-container-root
    InsidePath csv_compat_directory = inside_path("/usr/local/cuda/compat_orin");
    HostPath csv_directory = ///< nvidia-container-runtime.modes.csv.mount-spec-path
        host_path("/etc/nvidia-container-runtime/host-files-for-container.d");
    // of the command line of `cdi generate` alone: CsvScope::lists and ignored
    std::vector<HostPath> csv_lists = {};
    std::vector<std::string> csv_ignored = {};

    // Grapnel's own keys
    HostPath device_root = {}; ///< empty: the driver root if it has nodes, else "/"
    LdCache ldcache = LdCache::automatic;
    HostPath log = host_path("/var/log/grapnel.log"); ///< empty: no file
    LogTarget log_target = LogTarget::file;
    LogFormat log_format = LogFormat::text;
    LogLevel log_level = LogLevel::info;
    std::vector<HostPath> library_search_path = {}; ///< searched before everything else
    std::vector<HostPath> binary_search_path = {};  ///< searched before everything else
    HostPath probe = installed_probe();             ///< grapnel-probe; empty: never run
    std::vector<HostPath> config_search_path = {};  ///< searched before everything else

    /// Whether an image's newer libcuda may be preferred. A mode that is not known is NVIDIA's
    /// `disabled`, unless compatibility libraries are allowed.
    [[nodiscard]] bool forward_compat() const;

    bool operator==(const Settings&) const = default;
};

/// The vendor of the file: an unknown key is an error in Grapnel's, and ignored in NVIDIA's.
enum class Dialect { grapnel, nvidia };

inline constexpr std::size_t settings_size_limit = std::size_t{64} << 10;

/// Settings as far as they are right, and the first mistake: a text that is no TOML, a key of the
/// wrong type, a value outside its domain and, in our own dialect, an unknown key.
struct SettingsReading {
    Settings settings = {};
    std::optional<Error> mistake = {};
};

/// `text` on top of the defaults. `name` is the file's name: the mistake begins with it and the
/// line. A key with a mistake counts as not there; where it is not known whether volume mounts can
/// ask for GPUs, they can: a mistake refuses each container that asks.
[[nodiscard]] SettingsReading read_settings(std::string_view text, Dialect dialect,
                                            std::string_view name);

/// A settings file that cannot be parsed.
[[nodiscard]] SettingsReading broken_settings(Error mistake);

/// read_settings(), with a mistake as the error.
[[nodiscard]] Result<Settings> parse_settings(std::string_view text, Dialect dialect,
                                              std::string_view name);

} // namespace grapnel
