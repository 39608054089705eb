// SPDX-License-Identifier: Apache-2.0
// Reads the answers of docker inspect and podman inspect.
#pragma once

#include "explain/subject.hpp"

namespace grapnel::explanation {

/// Runs the engine's client, which finds its daemon by the usual variables (DOCKER_HOST). A
/// confined process parses its answer (confine/confined_child.hpp): an image sets values in it.
[[nodiscard]] Result<Subject> ask_engine(const std::string& engine, const std::string& name);

} // namespace grapnel::explanation
