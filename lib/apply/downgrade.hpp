// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "base/notices.hpp"
#include "base/result.hpp"
#include "sys/host_fs.hpp"

namespace grapnel::apply {

/// A failure of work that no start depends on becomes a warning; a transient one stays an error.
[[nodiscard]] inline Status downgrade(const Status& done, Notices& notices) {
    if (!done && sys::is_transient(done.error()))
        return done;
    if (!done)
        notices.warn(done.error().text());
    return {};
}

} // namespace grapnel::apply
