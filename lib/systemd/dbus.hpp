// SPDX-License-Identifier: Apache-2.0
// A client of D-Bus on a Unix socket of the host: authentication, calls and their answers. The
// peer's messages are bounded in size and in time.
#pragma once

#include "base/path.hpp"
#include "base/result.hpp"
#include "sys/fd.hpp"
#include "systemd/dbus_message.hpp"

#include <chrono>
#include <string>
#include <string_view>
#include <vector>

namespace grapnel::systemd {

using Deadline = std::chrono::steady_clock::time_point;

class Connection {
  public:
    /// Connects and says which user this is (EXTERNAL), as all other calls here no later than the
    /// deadline. Where that is not reached the error has sys != 0.
    [[nodiscard]] static Result<Connection> open(const HostPath& socket, Deadline deadline);

    /// Makes the calls at once, and returns the answers in the order of the calls. An error that a
    /// call was answered with is an answer. Other messages are passed over.
    [[nodiscard]] Result<std::vector<Message>> make(const std::vector<Call>& calls);

  private:
    Connection(sys::Fd socket, Deadline deadline)
        : socket_(std::move(socket)), deadline_(deadline) {}

    [[nodiscard]] Status authenticate();
    [[nodiscard]] Status send(std::string_view bytes);
    [[nodiscard]] Status receive_more();
    [[nodiscard]] Result<std::string> receive_line();
    [[nodiscard]] Result<Message> receive_message();
    [[nodiscard]] Status wait_for(short event) const;

    sys::Fd socket_;
    Deadline deadline_;
    std::string received_ = {}; ///< and not yet looked at
    std::size_t total_ = 0;     ///< bytes received
    std::uint32_t serial_ = 0;
};

} // namespace grapnel::systemd
