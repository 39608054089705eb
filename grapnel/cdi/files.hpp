// SPDX-License-Identifier: Apache-2.0
// The commands of grapnel cdi that read files: each writes its answer on standard output.
#pragma once

#include "base/result.hpp"
#include "cdi/options.hpp"

namespace grapnel::cdi_command {

/// Every device with its file and the file's state. In NVIDIA's form: the names alone.
[[nodiscard]] Status list_devices(const Options& options, Form form);

/// The exit code: exit_refused if a file is stale or malformed.
[[nodiscard]] Result<int> validate_files(const Options& options);

/// Makes missing device nodes, and writes again the files that `generate` wrote and that changed.
[[nodiscard]] Status refresh_files(const Options& options);

} // namespace grapnel::cdi_command
