// SPDX-License-Identifier: Apache-2.0
// Libraries in a container that a runtime has mounted there, looked up without a list of them.
#pragma once

#include "plan/plan.hpp"
#include "sys/root_dir.hpp"

#include <string>
#include <vector>

namespace grapnel::apply {

enum class Which {
    mounted, ///< files that are mounts, or lie on one
    all,
};

/// The libraries of a directory, as mounts without a source: they are there already. Regular files
/// that ldconfig would look at, of this machine, with their SONAME. At most 4,096 of them; every
/// file is read by a few small parts.
[[nodiscard]] Result<std::vector<Mount>> given_libraries(sys::RootDir& root,
                                                         const InsidePath& directory, Which which);

/// The link of each SONAME to its library, as ldconfig makes them: of several libraries with one
/// SONAME the newest counts. None where a file has the name.
[[nodiscard]] std::vector<Link> soname_links(sys::RootDir& root,
                                             const std::vector<Mount>& libraries);

} // namespace grapnel::apply
