// SPDX-License-Identifier: Apache-2.0
// System calls that a signal interrupted.
#pragma once

#include <cerrno>

namespace grapnel::sys {

/// Repeats a call that fails with EINTR, which says nothing about its object. Bounded, so that a
/// file system that answers nothing else is an error.
template <typename Call>
[[nodiscard]] auto retried(const Call& call) {
    constexpr int most = 100;
    auto result = call();
    for (int i = 0; i < most && result < 0 && errno == EINTR; ++i)
        result = call();
    return result;
}

} // namespace grapnel::sys
