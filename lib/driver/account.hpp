// SPDX-License-Identifier: Apache-2.0
// Users and groups of the host by its own files: a static program has no other way to them.
#pragma once

#include "base/result.hpp"
#include "sys/host_fs.hpp"

#include <cstdint>
#include <string_view>

namespace grapnel {

struct Account {
    std::uint32_t user = 65534; ///< nobody
    std::uint32_t group = 65534;

    bool operator==(const Account&) const = default;
};

/// `text` is USER[:GROUP], each a name of /etc/passwd and /etc/group or a number; empty for
/// nobody. Without GROUP it is the user's own, or 65534 for a number that no user has.
/// In the place of root, as user or as group, is nobody: the host's disks and secrets are root's,
/// and open to it without a Linux capability. NVIDIA's own settings for SUSE say "root:video".
[[nodiscard]] Result<Account> find_account(const sys::HostFs& host, std::string_view text);

} // namespace grapnel
