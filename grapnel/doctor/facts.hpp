// SPDX-License-Identifier: Apache-2.0
// The facts that findings are made of: the host's files, the settings, the inventory of the driver
// and the daemons that run. Each area is a pure function of them.
#pragma once

#include "doctor/finding.hpp"
#include "driver/inventory.hpp"
#include "driver/rooted_host.hpp"
#include "prepare/settings_file.hpp"
#include "sys/host_fs.hpp"

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace grapnel::doctor_command {

/// A running container, and the driver version that it was started with.
struct DriverHolder {
    std::string id = {};
    std::string engine = {};
    std::string user = {}; ///< of a rootless engine
    std::string driver_version = {};
};

/// Facts that are in no file of the host.
struct Surroundings {
    std::uint32_t user = 0;                        ///< of this process
    std::vector<std::uint32_t> groups = {};        ///< of that user
    HostPath home = {};                            ///< of that user; empty: unknown
    std::string docker_host = {};                  ///< the variable DOCKER_HOST
    HostPath programs = host_path(GRAPNEL_BINDIR); ///< Grapnel's
    HostPath own_program = {};                     ///< the file of this program
    std::vector<std::string> kernel_log = {};      ///< the lines that this user may read
    std::vector<std::string> leftovers = {};       ///< see find_leftovers()
    std::vector<DriverHolder> holders = {};        ///< containers that have the driver
    bool has_openat2 = false;                      ///< whatever the kernel's version is
    std::int64_t now_ns = 0;                       ///< since 1970; 0: unknown
    /// When the machine started, since 1970; 0: unknown. /proc/stat has whole seconds alone.
    std::int64_t boot_ns = 0;
    /// Directories that a start writes to, on a full file system.
    std::vector<HostPath> full_directories = {};
    /// PCI addresses of GPUs in MIG mode, by the driver's library; empty: not to be asked.
    std::function<std::vector<std::string>(const Inventory& inventory)> gpus_in_mig_mode = {};
    /// Whether a program has file capabilities; empty: unknown.
    std::function<Result<bool>(const HostPath& program)> has_capabilities = {};
    /// Runs a program of the host by its name and returns its output; empty: not to be run.
    std::function<Result<std::string>(const std::vector<std::string>& words)> ask = {};
};

/// A process of the host's own PID namespace.
struct Daemon {
    std::uint32_t pid = 0;
    std::string name = {}; ///< as the kernel keeps it: at most 15 characters
    std::uint32_t user = 0;
    std::string unit = {};                ///< its systemd unit, by its cgroup; can be empty
    HostPath program = {};                ///< empty: this user may not know it
    std::vector<std::string> words = {};  ///< of its command line
    std::optional<std::string> path = {}; ///< its variable PATH; nothing: unknown
    std::optional<std::string> home = {}; ///< its variable HOME
    std::string mps_pipes = {};           ///< its variable CUDA_MPS_PIPE_DIRECTORY
    std::int64_t started_ns = 0;          ///< since 1970; 0: unknown
};

struct Facts {
    const sys::HostFs& host;
    Surroundings here = {};
    LoadedSettings settings = {};
    std::unique_ptr<RootedHost> rooted = {}; ///< with a driver root
    std::optional<Error> root_fault = {};    ///< the driver root is missing
    Result<Inventory> inventory = Inventory();
    std::vector<Daemon> daemons = {};

    /// The host as the driver's files are seen on it.
    [[nodiscard]] const sys::HostFs& driver_host() const {
        return rooted ? static_cast<const sys::HostFs&>(*rooted) : host;
    }
};

/// `host` must outlive the facts.
[[nodiscard]] Facts gather_facts(const sys::HostFs& host, LoadedSettings settings,
                                 Surroundings here);

/// The first daemon of that name; null if no such daemon runs.
[[nodiscard]] const Daemon* find_daemon(const Facts& facts, std::string_view name);

/// Whether this user sees the processes of others: hidepid of proc(5) hides them.
[[nodiscard]] bool sees_daemons(const Facts& facts);

/// Whether systemd is to run that service at each boot, and no such daemon runs.
[[nodiscard]] bool is_enabled_without(const Facts& facts, std::string_view unit,
                                      std::string_view daemon);

/// Whether the platform has the nvidia kernel module: false for WSL and a Jetson.
[[nodiscard]] bool is_plain_nvidia(const Facts& facts);

/// Whether the settings name CSV lists of a Jetson that do not exist.
[[nodiscard]] bool lacks_csv_lists(const Facts& facts);

[[nodiscard]] bool exists(const sys::HostFs& host, const HostPath& path);

/// The file's text without blanks at its ends; empty for a file that cannot be read.
[[nodiscard]] std::string text_of(const sys::HostFs& host, const HostPath& path);

/// The number in a file that holds one number, such as a sysctl.
[[nodiscard]] std::optional<std::int64_t> number_of(const sys::HostFs& host, const HostPath& path);

/// When the machine started, in seconds since 1970; 0: unknown.
[[nodiscard]] std::int64_t boot_time(const sys::HostFs& host);

/// The names in a directory; empty without it.
[[nodiscard]] std::vector<std::string> names_in(const sys::HostFs& host, const HostPath& path);

} // namespace grapnel::doctor_command
