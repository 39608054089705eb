// SPDX-License-Identifier: Apache-2.0
// Reads the answers of docker inspect and podman inspect.
#pragma once

#include "explain/subject.hpp"

namespace grapnel::explanation {

/// Runs the engine's client, which finds its daemon by the usual variables (DOCKER_HOST).
[[nodiscard]] Result<Subject> ask_engine(const std::string& engine, const std::string& name);

/// `text` is the output of `inspect`: a list of one object.
[[nodiscard]] Result<Subject> parse_engine_answer(const std::string& engine,
                                                  const std::string& text);

} // namespace grapnel::explanation
