// SPDX-License-Identifier: Apache-2.0
// The container that grapnel explain is asked about.
#pragma once

#include "base/path.hpp"
#include "base/result.hpp"
#include "look.hpp"

#include <optional>
#include <string>
#include <sys/types.h>
#include <vector>

namespace grapnel::explanation {

struct Subject {
    std::string id = {};
    std::string engine = {};                   ///< empty: variables of the command line alone
    std::optional<HostPath> bundle = {};       ///< with a config.json
    std::optional<pid_t> process = {};         ///< nothing: the container does not run
    std::string config = {};                   ///< the text of config.json
    std::string runtime = {};                  ///< the engine's name of its OCI runtime
    std::string failure = {};                  ///< the engine's error of the last start
    std::vector<std::string> environment = {}; ///< without a bundle
    bool privileged = false;                   ///< without a bundle
    bool asks_engine_for_gpus = false;         ///< docker run --gpus
    bool has_driver = false;                   ///< it runs, and grapnel ps lists it
};

/// An error of kind usage for a wrong command line.
[[nodiscard]] Status check_subject(const LookArguments& arguments);

/// The container that the options or the operand name.
[[nodiscard]] Result<Subject> find_subject(const LookArguments& arguments);

} // namespace grapnel::explanation
