// SPDX-License-Identifier: Apache-2.0
// The host's ld.so.cache and the driver's libraries: stale entries, other versions, empty files.
#pragma once

#include "doctor/facts.hpp"

#include <set>
#include <string>
#include <vector>

namespace grapnel::doctor_command {

struct LibrarySearch {
    std::set<std::string> versions = {};    ///< of the driver libraries on this host
    bool is_installed = false;              ///< has the libraries of the loaded driver
    std::string stale_reason = {};          ///< why ld.so.cache is stale; empty: it is sound
    std::vector<HostPath> empty_files = {}; ///< of the loaded driver's libraries
    HostPath stub = {};                     ///< a libcuda.so.1 of CUDA in ld.so.cache

    [[nodiscard]] bool is_stale() const { return !stale_reason.empty(); }
};

/// `version` is the loaded driver's.
[[nodiscard]] LibrarySearch look_for_libraries(const Facts& facts, const std::string& version);

/// A directory in which software is unpacked by hand, or a part of NixOS' store, that has the
/// driver's libraries of that version; empty without such a directory.
[[nodiscard]] HostPath find_driver_elsewhere(const Facts& facts, const std::string& version);

/// The finding for a stub in ld.so.cache.
[[nodiscard]] Finding stub_in_cache(const Facts& facts, const HostPath& stub);

/// The finding for a driver that the inventory refuses, with the reason.
[[nodiscard]] Finding unusable_driver(const Error& error);

/// Whether this host is WSL or a Jetson, even without a usable driver.
[[nodiscard]] bool is_special_platform(const Facts& facts);

} // namespace grapnel::doctor_command
