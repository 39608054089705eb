// SPDX-License-Identifier: Apache-2.0
// The command line of nvidia-cdi-hook, as files of nvidia-ctk up to 1.20.1 have it.
#pragma once

#include "apply/cdi_hook_plan.hpp"
#include "base/path.hpp"
#include "base/result.hpp"

#include <optional>
#include <span>
#include <string>
#include <string_view>

namespace grapnel::cdi_hook {

struct Options {
    enum class Action {
        run,
        help,
        version,
        skip, ///< a hook that this version does not know: a file can be of a later one
    };
    Action action = Action::run;
    std::string hook = {}; ///< its name, for messages
    bool debug = false;
    bool quiet = false;
    std::optional<HostPath> state = {}; ///< the file of the container's state; nothing: stdin
    apply::CdiHookRequest request = {};
};

/// Whether a call of a program by the name `called` is one of such a hook: by that name, or by a
/// first word that is a hook's name.
[[nodiscard]] bool is_call(std::string_view called, std::span<const std::string> words);

[[nodiscard]] Result<Options> parse_options(std::span<const std::string> words);

} // namespace grapnel::cdi_hook
