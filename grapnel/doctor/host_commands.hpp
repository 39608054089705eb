// SPDX-License-Identifier: Apache-2.0
// Commands that differ between distributions and service managers.
#pragma once

#include "doctor/facts.hpp"
#include "doctor/finding.hpp"

#include <initializer_list>
#include <string>
#include <string_view>

namespace grapnel::doctor_command {

/// Distributions with the same package names, by ID and ID_LIKE of os-release(5). A distribution
/// without a package manager, such as NixOS or Flatcar, is `other`.
enum class Family { debian, ubuntu, fedora, rhel, suse, arch, other };
[[nodiscard]] Family family_of(const sys::HostFs& host);

/// The packages of one program or library in each family; empty: the family has no such package.
struct Packages {
    std::string debian = {};
    std::string ubuntu = {};
    std::string fedora = {};
    std::string rhel = {};
    std::string suse = {};
    std::string arch = {};
};

/// The same package name in each family.
[[nodiscard]] Packages packages(const std::string& name);

/// A package of Grapnel's, which there is for deb and rpm.
[[nodiscard]] Packages own_packages(const std::string& name);

/// Whether the package manager uses a repository with one of these words in its file or the name
/// of the file, in lower case.
[[nodiscard]] bool has_repository(const sys::HostFs& host,
                                  std::initializer_list<std::string_view> words);

/// The command, behind that of the package which brings its program if the program is missing.
[[nodiscard]] std::string with_program(const sys::HostFs& host, std::string_view program,
                                       const Packages& packages, const std::string& command);

/// Prints the NVIDIA devices on the PCI bus.
[[nodiscard]] std::string list_pci_command(const sys::HostFs& host);

/// Prints the page of the finding: the command where no single command mends it.
[[nodiscard]] std::string page_command(Code code);

/// The page of the finding for a family without such a package.
[[nodiscard]] std::string install_command(const sys::HostFs& host, const Packages& packages,
                                          Code code);

/// Installs the package that has a hook of NVIDIA's CDI files at that path; empty for another path,
/// and where Grapnel's programs, in `programs`, are of no package.
[[nodiscard]] std::string install_hook_command(const sys::HostFs& host, const HostPath& programs,
                                               const HostPath& hook);

[[nodiscard]] std::string reinstall_command(const sys::HostFs& host, const std::string& package,
                                            Code code);

/// The value of ID in os-release(5).
[[nodiscard]] std::string distribution_of(const sys::HostFs& host);

/// "580" of 580.159.04, with "-server" where Ubuntu's server packages are installed.
[[nodiscard]] std::string ubuntu_branch(const sys::HostFs& host, std::string_view driver_version);

/// Rebuilds the initramfs; empty where the distribution's command is not known.
[[nodiscard]] std::string initramfs_command(const sys::HostFs& host);

/// Restarts the daemon by its unit, or the system's service of that name if it does not run.
[[nodiscard]] std::string restart_command(const Facts& facts, const Daemon* daemon,
                                          std::string_view service);

/// Enables and starts the unit; empty where systemd does not run or the unit is not installed.
[[nodiscard]] std::string enable_command(const Facts& facts, std::string_view unit);

/// The command starts with "sudo" where the user is not root.
[[nodiscard]] std::string as_root(const Facts& facts, const std::string& command);

/// Makes this user a member of that group.
[[nodiscard]] std::string join_group_command(const Facts& facts, std::uint32_t group);

} // namespace grapnel::doctor_command
