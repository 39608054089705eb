// SPDX-License-Identifier: Apache-2.0
// grapnel-runtime behind main(): a low-level OCI runtime for engines, which adds the needs of a GPU
// container to its configuration, and then becomes runc or crun.
#pragma once

namespace grapnel {

/// Returns only if it fails: the exit code.
[[nodiscard]] int run_runtime(int argc, char** argv);

} // namespace grapnel
