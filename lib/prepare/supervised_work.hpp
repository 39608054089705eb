// SPDX-License-Identifier: Apache-2.0
// Work with a time limit, in a program that has a log.
#pragma once

#include "base/result.hpp"
#include "confine/supervise.hpp"
#include "prepare/log.hpp"
#include "prepare/modules.hpp"

#include <functional>

namespace grapnel {

/// confine::supervise(), where an error of `work` is a line of the log. Returns the exit code.
[[nodiscard]] Result<int> run_supervised(const confine::Supervision& supervision, const Log& log,
                                         const std::function<Status()>& work);

/// Of work that describes the host, and may load kernel modules first.
[[nodiscard]] confine::Supervision look_with_modules(const ModuleLoader& modules);

} // namespace grapnel
