// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "base/result.hpp"
#include "sys/host_fs.hpp"

#include <string>
#include <vector>

namespace grapnel::apply {

/// A failure of work that no start depends on becomes a warning; a transient one stays an error.
[[nodiscard]] inline Status downgrade(const Status& done, std::vector<std::string>& remarks) {
    if (!done && sys::is_transient(done.error()))
        return done;
    if (!done)
        remarks.push_back(done.error().text());
    return {};
}

} // namespace grapnel::apply
