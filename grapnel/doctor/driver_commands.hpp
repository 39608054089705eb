// SPDX-License-Identifier: Apache-2.0
// Commands that install and load the driver, by the host's distribution.
#pragma once

#include "doctor/facts.hpp"

#include <string>
#include <vector>

namespace grapnel::doctor_command {

[[nodiscard]] std::string install_driver_command(const sys::HostFs& host);

/// Packages that a driver of that version lacks.
[[nodiscard]] std::string install_cuda_command(const sys::HostFs& host, const std::string& version);
[[nodiscard]] std::string install_tools_command(const sys::HostFs& host,
                                                const std::string& version);
[[nodiscard]] std::string install_32bit_command(const sys::HostFs& host,
                                                const std::string& version);
[[nodiscard]] std::string install_firmware_command(const sys::HostFs& host,
                                                   const std::string& version);

/// By the program that built the module for another kernel.
[[nodiscard]] std::string build_module_command(const sys::HostFs& host, const std::string& release);

/// The key that signs modules on this machine: of shim on Ubuntu, of DKMS, of akmods, of SUSE.
/// For a GPU that the loaded module does not know; `reason` is the driver's line in the kernel log.
[[nodiscard]] std::string other_driver_command(const sys::HostFs& host, const std::string& reason);

[[nodiscard]] std::string enroll_key_command(const sys::HostFs& host);

/// Takes the nvidia module out of that option of the kernel command line, and reboots.
[[nodiscard]] std::string replace_option_command(const sys::HostFs& host,
                                                 const std::string& option);

/// ldconfig with the driver root and the cache of the settings.
[[nodiscard]] std::vector<std::string> ldconfig_words(const Facts& facts);
[[nodiscard]] std::string ldconfig_command(const Facts& facts);

} // namespace grapnel::doctor_command
