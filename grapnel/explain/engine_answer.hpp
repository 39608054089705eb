// SPDX-License-Identifier: Apache-2.0
// docker inspect and podman inspect, read.
#pragma once

#include "explain/subject.hpp"

namespace grapnel::explanation {

/// Runs the engine's client: it finds its daemon as it always does (DOCKER_HOST and the like).
[[nodiscard]] Result<Subject> ask_engine(const std::string& engine, const std::string& name);

/// The text of `inspect`: a list of one object.
[[nodiscard]] Result<Subject> parse_engine_answer(const std::string& engine,
                                                  const std::string& text);

} // namespace grapnel::explanation
