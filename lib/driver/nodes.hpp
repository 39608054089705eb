// SPDX-License-Identifier: Apache-2.0
// The driver's device nodes and the numbers that the kernel gives them.
#pragma once

#include "base/path.hpp"
#include "driver/inventory.hpp"
#include "sys/host_fs.hpp"

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace grapnel::driver {

/// Majors of character devices by the name that their kernel module registered.
/// A module can have several.
using Majors = std::multimap<std::string, std::uint32_t>;

[[nodiscard]] Majors character_majors(const sys::HostFs& host);

/// Minor of a misc device (major 10) by its name in /proc/misc.
[[nodiscard]] std::optional<std::uint32_t> misc_minor(const sys::HostFs& host,
                                                      std::string_view name);

/// The numbers N of files named PREFIX N, in order; empty without such a directory.
[[nodiscard]] std::vector<std::uint32_t>
numbered(const sys::HostFs& host, const HostPath& directory, std::string_view prefix);

/// Lines of "Key: \t value"; valid as long as the text.
[[nodiscard]] std::map<std::string_view, std::string_view> fields(std::string_view text);

[[nodiscard]] NodeAttributes attributes_of(const sys::FileFacts& facts);

/// A node of /dev as it is found; `expected` as it should be.
[[nodiscard]] Node node(const sys::HostFs& host, const HostPath& path,
                        std::optional<DeviceNumber> expected);

[[nodiscard]] std::vector<Node> control_nodes(const sys::HostFs& host, const Majors& majors,
                                              DriverCapabilities wanted);

/// The major number of the GPUs' nodes; the assigned number where /proc/devices has no entry.
[[nodiscard]] std::uint32_t nvidia_major(const Majors& majors);

} // namespace grapnel::driver
