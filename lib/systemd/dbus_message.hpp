// SPDX-License-Identifier: Apache-2.0
// Messages of D-Bus as bytes (D-Bus Specification 0.43, "Type System" and "Message Protocol"),
// as far as calls of systemd need them. Little-endian alone. Makes no system call.
#pragma once

#include "base/result.hpp"

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace grapnel::systemd {

/// A message longer than this is refused: the specification allows 128 MiB, a unit's list of
/// devices takes some kilobytes.
inline constexpr std::size_t message_limit = std::size_t{1} << 20;

/// The bytes that tell how long a message is.
inline constexpr std::size_t prefix_size = 16;

/// Marshals values one after the other, each with its alignment.
class Writer {
  public:
    void byte(std::uint8_t value);
    void number(std::uint32_t value);    ///< u, and b as 0 or 1
    void string(std::string_view value); ///< s and o
    void signature(std::string_view value);
    void structure() { align(8); }

    /// Between the two come the elements of an array; `alignment` is theirs.
    [[nodiscard]] std::size_t begin_array(std::size_t alignment);
    void end_array(std::size_t begun);

    [[nodiscard]] const std::string& bytes() const { return bytes_; }

  private:
    void align(std::size_t to);

    std::string bytes_ = {};
    std::vector<std::size_t> starts_ = {}; ///< of the elements of the arrays that are open
};

struct Call {
    std::string destination = {};
    std::string path = {};
    std::string interface = {};
    std::string member = {};
    std::string signature = {}; ///< of the arguments
    std::string arguments = {}; ///< marshalled by a Writer
};

/// `serial` must not be 0.
[[nodiscard]] std::string marshalled(const Call& call, std::uint32_t serial);

enum class Type : std::uint8_t { call = 1, reply = 2, error = 3, signal = 4 };

struct Message {
    Type type =
        Type::signal; ///< others than these are passed off as signals: nobody waits for them
    std::uint32_t reply_to = 0; ///< the serial of the call that this answers; 0: this is no reply
    std::string error = {};     ///< the error's name
    std::string sender = {};    ///< as the bus says; empty without one
    std::string signature = {};
    std::string body = {};
};

/// The size of the message that begins with these `prefix_size` bytes.
[[nodiscard]] Result<std::size_t> message_size(std::string_view prefix);

/// A whole message. Refuses a violation of the specification in the parts that are read; errors
/// here and below have sys == EPROTO.
[[nodiscard]] Result<Message> parse_message(std::string_view bytes);

using Pairs = std::vector<std::pair<std::string, std::string>>;

/// The body of a message with signature "v" that holds a string, or an array of pairs of strings.
[[nodiscard]] Result<std::string> string_in_variant(const Message& message);
[[nodiscard]] Result<Pairs> pairs_in_variant(const Message& message);

/// The text of an error, beside its name; empty if it has no text.
[[nodiscard]] std::string error_text(const Message& message);

} // namespace grapnel::systemd
