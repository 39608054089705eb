// SPDX-License-Identifier: Apache-2.0
#include "systemd/dbus.hpp"

#include "base/format.hpp"
#include "base/text.hpp"

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <fcntl.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/un.h>
#include <unistd.h>

namespace grapnel::systemd {

namespace {

/// Signals come unasked: on a busy machine some hundred kilobytes at the most.
constexpr std::size_t total_limit = std::size_t{8} << 20;
constexpr std::size_t line_limit = 1024;

Error too_late() {
    return {.kind = Error::Kind::system, .what = "no answer on D-Bus", .sys = ETIMEDOUT};
}

Error endless() {
    return {.kind = Error::Kind::system, .what = "D-Bus sends too much", .sys = EPROTO};
}

std::chrono::microseconds left_until(Deadline deadline) {
    return std::max(std::chrono::microseconds(0),
                    std::chrono::duration_cast<std::chrono::microseconds>(
                        deadline - std::chrono::steady_clock::now()));
}

/// connect(2) to a socket with a full queue waits up to SO_SNDTIMEO.
Status limit_sending(sys::FdRef socket, Deadline deadline) {
    const auto left = std::max(left_until(deadline), std::chrono::microseconds(1)).count();
    const timeval limit{.tv_sec = left / 1'000'000, .tv_usec = left % 1'000'000};
    if (setsockopt(socket.value, SOL_SOCKET, SO_SNDTIMEO, &limit, sizeof limit) != 0)
        return system_error("setsockopt SO_SNDTIMEO");
    return {};
}

/// The number of this user in the digits' hexadecimal codes, as EXTERNAL wants it.
std::string user_token() {
    std::string out;
    for (const char digit : std::to_string(geteuid()))
        out += format_text("{:02x}", static_cast<unsigned char>(digit));
    return out;
}

} // namespace

Result<Connection> Connection::open(const HostPath& socket, Deadline deadline) {
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    if (socket.text().size() >= sizeof address.sun_path)
        return refused(socket.text() + " is too long for a socket");
    std::memcpy(address.sun_path, socket.text().c_str(), socket.text().size() + 1);
    sys::Fd fd(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
    if (!fd.valid())
        return system_error("socket");
    GRAPNEL_TRY(limit_sending(fd.ref(), deadline));
    if (connect(fd.ref().value, reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0)
        return errno == EAGAIN ? too_late() : system_error("connect to " + socket.text());
    if (fcntl(fd.ref().value, F_SETFL, O_NONBLOCK) != 0)
        return system_error("fcntl O_NONBLOCK");
    Connection connection(std::move(fd), deadline);
    GRAPNEL_TRY(connection.authenticate().note(socket.text()));
    return connection;
}

Status Connection::authenticate() {
    // a NUL first: it once carried credentials
    GRAPNEL_TRY(send(std::string(1, '\0') + "AUTH EXTERNAL " + user_token() + "\r\n"));
    const auto answer = GRAPNEL_TRY(receive_line());
    if (answer != "OK" && !answer.starts_with("OK "))
        return Error{
            .kind = Error::Kind::system, .what = "D-Bus answers " + quote(answer), .sys = EACCES};
    return send("BEGIN\r\n");
}

Result<std::vector<Message>> Connection::make(const std::vector<Call>& calls) {
    const auto first = serial_ + 1;
    std::string bytes;
    for (const auto& call : calls)
        bytes += marshalled(call, ++serial_);
    GRAPNEL_TRY(send(bytes));
    std::vector<Message> answers(calls.size());
    std::vector<bool> answered(calls.size());
    while (std::ranges::find(answered, false) != answered.end()) {
        auto message = GRAPNEL_TRY(receive_message());
        const std::size_t which = message.reply_to - first; // others wrap around or lie beyond
        if ((message.type != Type::reply && message.type != Type::error) || message.reply_to < first
            || which >= calls.size() || answered[which])
            continue;
        answered[which] = true;
        answers[which] = std::move(message);
    }
    return answers;
}

Status Connection::wait_for(short event) const {
    pollfd one{.fd = socket_.ref().value, .events = event, .revents = 0};
    for (;;) {
        // rounded up: a rest below a millisecond would be a busy loop
        const auto left = std::chrono::ceil<std::chrono::milliseconds>(left_until(deadline_));
        const int ready = left.count() == 0 ? 0 : poll(&one, 1, static_cast<int>(left.count()));
        if (ready > 0)
            return {};
        if (ready == 0)
            return too_late();
        if (errno != EINTR)
            return system_error("poll");
    }
}

Status Connection::send(std::string_view bytes) {
    while (!bytes.empty()) {
        const auto count = ::write(socket_.ref().value, bytes.data(), bytes.size());
        if (count >= 0)
            bytes.remove_prefix(static_cast<std::size_t>(count));
        else if (errno == EAGAIN)
            GRAPNEL_TRY(wait_for(POLLOUT));
        else if (errno != EINTR)
            return system_error("write to D-Bus");
    }
    return {};
}

Status Connection::receive_more() {
    std::array<char, 16384> buffer; // NOLINT(*-member-init): filled by read
    for (;;) {
        const auto count = ::read(socket_.ref().value, buffer.data(), buffer.size());
        if (count == 0)
            return Error{.kind = Error::Kind::system, .what = "read from D-Bus", .sys = ECONNRESET};
        if (count > 0) {
            total_ += static_cast<std::size_t>(count);
            if (total_ > total_limit)
                return endless();
            received_.append(buffer.data(), static_cast<std::size_t>(count));
            return {};
        }
        if (errno == EAGAIN)
            GRAPNEL_TRY(wait_for(POLLIN));
        else if (errno != EINTR)
            return system_error("read from D-Bus");
    }
}

Result<std::string> Connection::receive_line() {
    for (;;) {
        const auto end = received_.find("\r\n");
        if (end != std::string::npos) {
            auto line = received_.substr(0, end);
            received_.erase(0, end + 2);
            return line;
        }
        if (received_.size() > line_limit)
            return endless();
        GRAPNEL_TRY(receive_more());
    }
}

Result<Message> Connection::receive_message() {
    while (received_.size() < prefix_size)
        GRAPNEL_TRY(receive_more());
    const auto size = GRAPNEL_TRY(message_size(received_));
    while (received_.size() < size)
        GRAPNEL_TRY(receive_more());
    auto message = parse_message(std::string_view(received_).substr(0, size));
    received_.erase(0, size);
    return message;
}

} // namespace grapnel::systemd
