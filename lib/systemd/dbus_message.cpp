// SPDX-License-Identifier: Apache-2.0
#include "systemd/dbus_message.hpp"

#include <bit>
#include <cerrno>
#include <cstring>

namespace grapnel::systemd {

namespace {

static_assert(std::endian::native == std::endian::little);

constexpr char little_endian = 'l';
constexpr std::uint8_t protocol_version = 1;
constexpr std::size_t body_size_at = 4;
constexpr std::size_t serial_at = 8;
constexpr std::size_t fields_size_at = 12;

/// Codes of the fields of a header.
enum Field : std::uint8_t {
    path = 1,
    interface = 2,
    member = 3,
    error_name = 4,
    reply_serial = 5,
    destination = 6,
    sender = 7,
    signature_of_body = 8,
};

constexpr std::size_t aligned(std::size_t at, std::size_t to) {
    return (at + to - 1) / to * to;
}

Error malformed(const char* what) {
    return {.kind = Error::Kind::system,
            .what = std::string("a D-Bus message is malformed: ") + what,
            .sys = EPROTO};
}

std::uint32_t number_at(std::string_view bytes, std::size_t at) {
    std::uint32_t value = 0;
    std::memcpy(&value, bytes.data() + at, sizeof value);
    return value;
}

/// Takes values from marshalled bytes, which begin at an alignment of 8.
class Reader {
  public:
    explicit Reader(std::string_view bytes) : bytes_(bytes) {}

    [[nodiscard]] bool at_end() const { return at_ == bytes_.size(); }
    [[nodiscard]] std::size_t position() const { return at_; }

    Status align(std::size_t to) {
        const auto next = aligned(at_, to);
        if (next > bytes_.size())
            return malformed("it ends in padding");
        for (; at_ < next; ++at_)
            if (bytes_[at_] != '\0')
                return malformed("padding is not zero");
        return {};
    }

    Result<std::string_view> take(std::size_t size) {
        if (size > bytes_.size() - at_)
            return malformed("it ends within a value");
        const auto taken = bytes_.substr(at_, size);
        at_ += size;
        return taken;
    }

    Result<std::uint8_t> byte() {
        const auto taken = GRAPNEL_TRY(take(1));
        return static_cast<std::uint8_t>(taken.front());
    }

    Result<std::uint32_t> number() {
        GRAPNEL_TRY(align(sizeof(std::uint32_t)));
        const auto taken = GRAPNEL_TRY(take(sizeof(std::uint32_t)));
        return number_at(taken, 0);
    }

    Result<std::string_view> string() {
        const auto size = GRAPNEL_TRY(number());
        return text(size);
    }

    Result<std::string_view> signature() {
        const auto size = GRAPNEL_TRY(byte());
        return text(size);
    }

    /// One value of a basic type; true if it was one.
    Result<bool> skip_basic(char type) {
        if (type == 's' || type == 'o')
            (void)GRAPNEL_TRY(string());
        else if (type == 'g')
            (void)GRAPNEL_TRY(signature());
        else if (const auto size = fixed_size(type); size != 0) {
            GRAPNEL_TRY(align(size));
            (void)GRAPNEL_TRY(take(size));
        } else
            return false;
        return true;
    }

  private:
    static constexpr std::size_t fixed_size(char type) {
        switch (type) {
        case 'y':
            return 1;
        case 'n':
        case 'q':
            return 2;
        case 'b':
        case 'i':
        case 'u':
        case 'h':
            return 4;
        case 'x':
        case 't':
        case 'd':
            return 8;
        default:
            return 0;
        }
    }

    Result<std::string_view> text(std::size_t size) {
        const auto taken = GRAPNEL_TRY(take(size));
        const auto end = GRAPNEL_TRY(take(1));
        if (end.front() != '\0' || taken.find('\0') != std::string_view::npos)
            return malformed("a string has no end, or one within");
        return taken;
    }

    std::string_view bytes_;
    std::size_t at_ = 0;
};

struct Prefix {
    std::size_t fields_end = 0; ///< without the padding before the body
    std::size_t size = 0;
};

Result<Prefix> parse_prefix(std::string_view bytes) {
    if (bytes.size() < prefix_size)
        return malformed("it is too short");
    if (bytes[0] != little_endian)
        return malformed("it is not little-endian");
    if (bytes[1] == 0 || bytes[3] != protocol_version)
        return malformed("its type or version is unknown");
    if (number_at(bytes, serial_at) == 0)
        return malformed("it has no serial number");
    const std::size_t body = number_at(bytes, body_size_at);
    const std::size_t fields = number_at(bytes, fields_size_at);
    if (body > message_limit || fields > message_limit)
        return malformed("it is too long");
    const Prefix out{.fields_end = prefix_size + fields,
                     .size = aligned(prefix_size + fields, 8) + body};
    if (out.size > message_limit)
        return malformed("it is too long");
    return out;
}

Status parse_field(Reader& reader, Message& message) {
    GRAPNEL_TRY(reader.align(8));
    const auto code = GRAPNEL_TRY(reader.byte());
    const auto type = GRAPNEL_TRY(reader.signature());
    if (type.size() != 1)
        return malformed("a field of its header has no basic type");
    if (code == Field::reply_serial && type == "u")
        message.reply_to = GRAPNEL_TRY(reader.number());
    else if (code == Field::error_name && type == "s")
        message.error = GRAPNEL_TRY(reader.string());
    else if (code == Field::sender && type == "s")
        message.sender = GRAPNEL_TRY(reader.string());
    else if (code == Field::signature_of_body && type == "g")
        message.signature = GRAPNEL_TRY(reader.signature());
    else if (const bool skipped = GRAPNEL_TRY(reader.skip_basic(type.front())); !skipped)
        return malformed("a field of its header has no basic type");
    return {};
}

/// The value of the variant that is all of the body.
Result<Reader> open_variant(const Message& message, std::string_view type) {
    if (message.signature != "v")
        return malformed("an answer is not a variant");
    Reader reader(message.body);
    const auto found = GRAPNEL_TRY(reader.signature());
    if (found != type)
        return malformed("an answer has another type");
    return reader;
}

Status expect_end(const Reader& reader) {
    if (!reader.at_end())
        return malformed("there is more than its signature says");
    return {};
}

void append_field(Writer& writer, Field code, char type, std::string_view value) {
    writer.structure();
    writer.byte(code);
    writer.signature({&type, 1});
    if (type == 'g')
        writer.signature(value);
    else
        writer.string(value);
}

} // namespace

void Writer::align(std::size_t to) {
    bytes_.resize(aligned(bytes_.size(), to), '\0');
}

void Writer::byte(std::uint8_t value) {
    bytes_ += static_cast<char>(value);
}

void Writer::number(std::uint32_t value) {
    align(sizeof value);
    bytes_.append(reinterpret_cast<const char*>(&value), sizeof value);
}

void Writer::string(std::string_view value) {
    number(static_cast<std::uint32_t>(value.size()));
    bytes_.append(value).push_back('\0');
}

void Writer::signature(std::string_view value) {
    byte(static_cast<std::uint8_t>(value.size()));
    bytes_.append(value).push_back('\0');
}

std::size_t Writer::begin_array(std::size_t alignment) {
    number(0);
    const auto begun = bytes_.size();
    align(alignment); // not counted in the array's size
    starts_.push_back(bytes_.size());
    return begun;
}

void Writer::end_array(std::size_t begun) {
    const auto size = static_cast<std::uint32_t>(bytes_.size() - starts_.back());
    starts_.pop_back();
    std::memcpy(bytes_.data() + begun - sizeof size, &size, sizeof size);
}

std::string marshalled(const Call& call, std::uint32_t serial) {
    Writer writer;
    writer.byte(little_endian);
    writer.byte(static_cast<std::uint8_t>(Type::call));
    writer.byte(0);
    writer.byte(protocol_version);
    writer.number(static_cast<std::uint32_t>(call.arguments.size()));
    writer.number(serial);
    const auto fields = writer.begin_array(8);
    append_field(writer, Field::path, 'o', call.path);
    append_field(writer, Field::interface, 's', call.interface);
    append_field(writer, Field::member, 's', call.member);
    append_field(writer, Field::destination, 's', call.destination);
    if (!call.signature.empty())
        append_field(writer, Field::signature_of_body, 'g', call.signature);
    writer.end_array(fields);
    writer.structure(); // the body begins at a multiple of 8
    return writer.bytes() + call.arguments;
}

Result<std::size_t> message_size(std::string_view prefix) {
    return GRAPNEL_TRY(parse_prefix(prefix)).size;
}

Result<Message> parse_message(std::string_view bytes) {
    const auto prefix = GRAPNEL_TRY(parse_prefix(bytes));
    if (prefix.size != bytes.size())
        return malformed("it has another size than it says");
    Message message;
    const auto type = static_cast<std::uint8_t>(bytes[1]);
    if (type <= static_cast<std::uint8_t>(Type::signal))
        message.type = Type{type};
    Reader reader(bytes.substr(0, prefix.fields_end));
    (void)GRAPNEL_TRY(reader.take(prefix_size));
    while (!reader.at_end())
        GRAPNEL_TRY(parse_field(reader, message));
    Reader whole(bytes);
    (void)GRAPNEL_TRY(whole.take(prefix.fields_end));
    GRAPNEL_TRY(whole.align(8));
    message.body = bytes.substr(whole.position());
    return message;
}

Result<std::string> string_in_variant(const Message& message) {
    auto reader = GRAPNEL_TRY(open_variant(message, "s"));
    const auto value = GRAPNEL_TRY(reader.string());
    GRAPNEL_TRY(expect_end(reader));
    return std::string(value);
}

Result<Pairs> pairs_in_variant(const Message& message) {
    auto reader = GRAPNEL_TRY(open_variant(message, "a(ss)"));
    const std::size_t size = GRAPNEL_TRY(reader.number());
    GRAPNEL_TRY(reader.align(8));
    const auto start = reader.position();
    Pairs out;
    while (reader.position() - start < size) {
        GRAPNEL_TRY(reader.align(8));
        const auto first = GRAPNEL_TRY(reader.string());
        const auto second = GRAPNEL_TRY(reader.string());
        out.emplace_back(first, second);
    }
    if (reader.position() - start != size)
        return malformed("an array has another size than it says");
    GRAPNEL_TRY(expect_end(reader));
    return out;
}

std::string error_text(const Message& message) {
    Reader reader(message.body);
    if (message.signature.empty() || message.signature.front() != 's')
        return {};
    const auto text = reader.string();
    return text ? std::string(*text) : std::string();
}

} // namespace grapnel::systemd
