// SPDX-License-Identifier: Apache-2.0
// CUDA forward compatibility: an image can bring a libcuda that is newer than the driver it runs
// on (package cuda-compat). It is preferred to the host's if its note lists the host's driver, and
// if it is newer: an older one would lack features of the driver.
#pragma once

#include "base/path.hpp"
#include "base/version.hpp"
#include "image/facts.hpp"

#include <optional>
#include <string>

namespace grapnel {

/// The one that is used.
struct PlannedCompat {
    InsidePath directory = compat_directory();
    std::string library = {};             ///< its name there
    std::optional<std::string> cuda = {}; ///< the version that its note names

    bool operator==(const PlannedCompat&) const = default;
};

/// The decision, on a host with that driver and its CUDA version:
///
/// - a note and a driver version: the note lists the driver's branch (the first part of its
///   version), and the library's version is above the driver's;
/// - a note and a CUDA version alone: the note's CUDA version is above it;
/// - no note, and a driver version: the library's branch is above the driver's;
/// - else, and where the note is not JSON of the right form or the name has no version: never.
///
/// The keys of the note ("driver", "CUDA version") are matched without regard to case.
[[nodiscard]] std::optional<PlannedCompat> use_compat(const CompatLibrary& library,
                                                      const std::optional<Version>& driver,
                                                      const std::optional<Version>& cuda);

} // namespace grapnel
