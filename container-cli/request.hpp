// SPDX-License-Identifier: Apache-2.0
// The command line as a request and settings. Pure.
#pragma once

#include "options.hpp"
#include "request/request.hpp"
#include "settings/settings.hpp"
#include "sys/file.hpp"
#include "sys/host_fs.hpp"

namespace grapnel::cli {

/// The request for a container. Without a driver capability it gets the nodes, the firmware and its
/// view of /proc/driver/nvidia. Whether it may is its caller's business.
///
/// An error begins with the word by which callers know it.
[[nodiscard]] Result<Request> configure_request(const Options& options, const Settings& settings);

/// The request of `list`: every driver capability, and every GPU unless an option limits the
/// output.
[[nodiscard]] Result<Request> list_request(const Options& options);

/// Whether `list` prints everything: it has no option, or one that names IMEX channels.
[[nodiscard]] bool lists_everything(const Options& options);

/// `settings` as the file has them, overridden by the command line. Modules are loaded and nodes
/// made only by its option. `self` is the user of this process.
[[nodiscard]] Result<Settings> settings_of(const Options& options, Settings settings,
                                           const sys::FileOwner& self);

/// Refuses a --user that `host` does not know, also where nobody needs it.
[[nodiscard]] Status check_user(const Options& options, const sys::HostFs& host);

[[nodiscard]] Result<int> pid_of(const Options& options);

/// An absolute path that is not "/".
[[nodiscard]] Result<HostPath> rootfs_of(const Options& options);

} // namespace grapnel::cli
