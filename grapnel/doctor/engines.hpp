// SPDX-License-Identifier: Apache-2.0
// Facts on container engines that several areas need.
#pragma once

#include "base/mountinfo.hpp"
#include "base/version.hpp"
#include "doctor/facts.hpp"
#include "engine_config/toml.hpp"

#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace grapnel::doctor_command {

/// A dockerd that runs, or that would read this file.
struct Docker {
    const Daemon* daemon = nullptr; ///< null: it does not run
    HostPath config = {};
    nlohmann::json settings = {};            ///< an empty object without the file
    std::optional<std::string> mistake = {}; ///< the file is no JSON object
    std::optional<Error> unreadable = {};    ///< the file is there
};

/// Every dockerd that runs; else the system's, if its daemon.json exists.
[[nodiscard]] std::vector<Docker> dockers(const Facts& facts);

[[nodiscard]] bool is_of_root(const Docker& docker);

/// Where it keeps containers and images: with userns-remap in a directory for each range of IDs.
[[nodiscard]] std::vector<HostPath> data_roots(const sys::HostFs& host, const Docker& docker);

/// The numbers at the beginning of the version that the program prints, such as {20, 10, 24};
/// nothing if it cannot be asked.
[[nodiscard]] std::optional<Version> version_of(const Facts& facts, const std::string& program);

/// "4.9.3"
[[nodiscard]] std::string version_text(const Version& version);

/// Whether podman has kept containers in that directory.
[[nodiscard]] bool has_podman_storage(const sys::HostFs& host, const HostPath& data);

/// Directories in /home, and homes elsewhere by passwd(5).
[[nodiscard]] std::vector<HostPath> homes_of_users(const sys::HostFs& host);

/// For root the homes of all users with containers of podman; for a user the own home.
[[nodiscard]] std::vector<HostPath> podman_homes(const Facts& facts);

/// Directories of images: of each Docker, of podman as root and without root, of containerd.
[[nodiscard]] std::vector<HostPath> image_stores(const Facts& facts);

/// `grapnel configure docker` with that option, and a restart; the page of the finding where the
/// file is made by another program (NixOS).
[[nodiscard]] std::string configure_docker_command(const Facts& facts, const Docker& docker,
                                                   Code code, std::string_view option = {});

/// The maker of a program that an engine runs, by the name of the file behind all links.
enum class Maker { grapnel, nvidia, other };
[[nodiscard]] Maker maker_of(const sys::HostFs& host, const std::string& path);

/// The first file of that name in these directories, which a colon separates; empty if missing.
[[nodiscard]] HostPath find_in(const sys::HostFs& host, std::string_view directories,
                               std::string_view name);

/// A program in the directories in which distributions install programs; empty if missing.
[[nodiscard]] HostPath find_program(const sys::HostFs& host, std::string_view name);

/// Why an engine cannot start that program: "is missing", "is a directory", "is not executable" or
/// "is of another architecture"; empty if it can.
[[nodiscard]] std::string_view fault_of_program(const sys::HostFs& host, const HostPath& path);

/// The command that mends the fault of a program: `other` unless its permissions are at fault.
[[nodiscard]] std::string mend_program(std::string_view fault, const HostPath& path,
                                       const std::string& other);

/// A runtime of an engine's file with a program that cannot be started; nothing if each can.
struct RuntimeEntry {
    std::string file = {};
    std::string name = {};
    HostPath program = {}; ///< empty: a name that the engine looks up
};
[[nodiscard]] std::optional<Finding> unusable_runtime(const sys::HostFs& host, Code code,
                                                      const RuntimeEntry& runtime,
                                                      const std::string& configure);

/// A string of a table; empty without it.
[[nodiscard]] std::string string_at(const toml::table& table, std::string_view key);

/// The strings in a list of a table; nothing without the list.
[[nodiscard]] std::optional<std::vector<std::string>> strings_at(const toml::table& table,
                                                                 std::string_view key);

/// A script of sed that puts the directory at the front of a list in a TOML file.
[[nodiscard]] std::string add_to_list_script(std::string_view key, const HostPath& directory);

/// The value of an option of a daemon, as --name=VALUE or --name VALUE.
[[nodiscard]] std::optional<std::string> option_of(const Daemon& daemon, std::string_view name);
[[nodiscard]] std::vector<std::string> options_of(const Daemon& daemon, std::string_view name);

/// The word after an option such as -c.
[[nodiscard]] std::optional<std::string> short_option_of(const Daemon& daemon,
                                                         std::string_view name);

/// Whether an engine gives containers an SELinux label: podman, CRI-O, or Docker with
/// selinux-enabled.
[[nodiscard]] bool has_labelling_engine(const Facts& facts);

/// The file as TOML; nothing for a missing file, and for a file that is no TOML, with `mistake`.
[[nodiscard]] std::optional<toml::table> read_toml(const sys::HostFs& host, const HostPath& path,
                                                   std::optional<Error>& mistake);

/// The mount of that path, which has no link in it; null without one.
[[nodiscard]] const MountInfo* mount_of(const std::vector<MountInfo>& mounts, const HostPath& path);

[[nodiscard]] bool has_systemd(const Facts& facts);

/// Directories of hook files (oci-hooks(5)) that podman as root and CRI-O read by themselves.
[[nodiscard]] const std::vector<HostPath>& hook_directories();

/// Names of directories in an engine's setting; nothing: the setting is missing.
using DirectoryNames = std::optional<std::vector<std::string>>;

/// CDI files in those directories, by default in those that engines read by themselves.
[[nodiscard]] std::vector<HostPath> cdi_files(const sys::HostFs& host,
                                              const DirectoryNames& directories = {});

/// The kind of a GPU in CDI, and a part of that of the Kubernetes device plugin's devices.
inline constexpr std::string_view gpu_kind = "nvidia.com/gpu";

/// The kinds of Kubernetes' driver for dynamic resource allocation, which no runtime replaces.
inline constexpr std::string_view claim_kind = "k8s.gpu.nvidia.com/";

/// The first CDI file in those directories with devices of that kind; empty without one.
[[nodiscard]] HostPath find_cdi_file(const sys::HostFs& host, std::string_view kind,
                                     const DirectoryNames& directories = {});

} // namespace grapnel::doctor_command
