// SPDX-License-Identifier: Apache-2.0
#pragma once

namespace grapnel {

/// How the container's ld.so.cache is brought up to date.
enum class LdCache { automatic, ldconfig, off };

} // namespace grapnel
