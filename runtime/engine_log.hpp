// SPDX-License-Identifier: Apache-2.0
// Where an engine looks for the reason why no container was made: the file of --log.
#pragma once

#include "command_line.hpp"

#include <string_view>

namespace grapnel {

/// Appends the error to that file, in the format that the command line asks for. An engine that
/// named no file reads standard error.
void tell_engine(const CommandLine& line, std::string_view error);

} // namespace grapnel
