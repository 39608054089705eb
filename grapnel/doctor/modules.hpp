// SPDX-License-Identifier: Apache-2.0
// The kernel modules of the driver: installed, built, signed, forbidden. `release` is a kernel's.
#pragma once

#include "doctor/facts.hpp"

#include <optional>
#include <string>
#include <string_view>

namespace grapnel::doctor_command {

[[nodiscard]] bool has_module(const sys::HostFs& host, const std::string& release,
                              std::string_view name);
[[nodiscard]] bool has_module_of_another_kernel(const sys::HostFs& host);

/// Whether DKMS or akmods has the source of the module.
[[nodiscard]] bool has_module_source(const sys::HostFs& host);

/// Whether the kernel log has a module that was refused for its signature.
[[nodiscard]] bool is_rejected_by_kernel(const Facts& facts);

/// The line of the kernel log by which the nvidia module is of another kernel; empty without one.
[[nodiscard]] std::string mismatch_in_log(const Facts& facts);

/// Whether the kernel takes signed modules alone and the nvidia module shows no signature.
[[nodiscard]] bool lacks_signature(const sys::HostFs& host, const std::string& release);

/// Whether the nvidia module's file is older than the boot, which loaded another version.
[[nodiscard]] bool was_installed_before_boot(const Facts& facts, const std::string& release);

/// Why `modprobe nvidia` would fail, or be undone by the next boot.
[[nodiscard]] std::optional<Finding> forbidden_module(const Facts& facts);

/// The file of modprobe.d(5) for which `modprobe nvidia-uvm` loads nothing; empty without one.
[[nodiscard]] HostPath file_that_replaces_uvm(const sys::HostFs& host);

/// The first file of modprobe.d(5) with that option of the nvidia module; empty without one.
[[nodiscard]] HostPath file_with_option(const sys::HostFs& host, std::string_view option);

/// The driver is installed, and the kernel that runs has no module of it.
[[nodiscard]] Finding module_not_built(const Facts& facts, const std::string& release);

} // namespace grapnel::doctor_command
