// SPDX-License-Identifier: Apache-2.0
// grapnel-runtime behind main(): a low-level OCI runtime for engines, which lets the container's
// configuration say what a container that asks for GPUs needs, and then becomes runc or crun.
#pragma once

namespace grapnel {

/// Returns only if it fails: the exit code.
[[nodiscard]] int run_runtime(int argc, char** argv);

} // namespace grapnel
