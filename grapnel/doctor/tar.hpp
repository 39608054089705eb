// SPDX-License-Identifier: Apache-2.0
// A tar archive in POSIX' format ustar (tar(5)), in memory.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace grapnel::doctor_command {

class Tar {
  public:
    /// `now_s`: the time of each file, since 1970.
    explicit Tar(std::int64_t now_s) : now_s_(now_s) {}

    /// A regular file of mode 0644 and root's. `name` is cut after 99 characters.
    void add(std::string_view name, std::string_view content);

    /// The archive with its end.
    [[nodiscard]] std::string finish() const;

  private:
    std::int64_t now_s_;
    std::string text_ = {};
};

} // namespace grapnel::doctor_command
