// SPDX-License-Identifier: Apache-2.0
// The cgroup of a container, guessed from the cgroup of another container of the same engine: most
// engines name it by the container's ID. A guess is right if the container's process is in it.
#pragma once

#include <map>
#include <optional>
#include <string>

namespace grapnel {

class CgroupGuess {
  public:
    /// Nothing without a cgroup of that engine to go by.
    [[nodiscard]] std::optional<std::string> of(const std::string& engine,
                                                const std::string& id) const;

    void learn(const std::string& engine, const std::string& id, const std::string& cgroup);

  private:
    struct Form {
        std::string before = {}; ///< the ID
        std::string after = {};
    };
    std::map<std::string, Form> forms_;
};

} // namespace grapnel
