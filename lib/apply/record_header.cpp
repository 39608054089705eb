// SPDX-License-Identifier: Apache-2.0
#include "apply/record_header.hpp"

#include "base/text.hpp"

namespace grapnel::apply {

namespace {

/// Takes one part after the other from the beginning of a text. Each function is false if the text
/// begins with another part.
class Parts {
  public:
    explicit Parts(std::string_view text) : rest_(text) {}

    [[nodiscard]] bool is_end() const { return rest_.empty(); }

    [[nodiscard]] bool literal(std::string_view text) {
        if (!rest_.starts_with(text))
            return false;
        rest_.remove_prefix(text.size());
        return true;
    }

    template <typename T>
    [[nodiscard]] bool number(T& value) {
        const auto digits = take(rest_.find_first_not_of("-0123456789"));
        const auto parsed = parse_number<T>(digits);
        value = parsed.value_or(0);
        return parsed.has_value();
    }

    /// With its quotes, and without an escaped byte: see escape() of cleanup_record.cpp.
    [[nodiscard]] bool string(std::string& value) {
        if (!literal("\""))
            return false;
        value = take(rest_.find('"'));
        return literal("\"") && value.find('%') == std::string::npos
               && value.find('\\') == std::string::npos;
    }

  private:
    [[nodiscard]] std::string_view take(std::size_t size) {
        const auto taken = rest_.substr(0, size);
        rest_.remove_prefix(taken.size());
        return taken;
    }

    std::string_view rest_;
};

bool read_mig(Parts& parts, std::vector<std::string>& mig) {
    do {
        if (!parts.string(mig.emplace_back()))
            return false;
    } while (parts.literal(","));
    return parts.literal("]");
}

bool read_gpu(Parts& parts, RecordedGpu& gpu) {
    return parts.literal(R"({"index":)") && parts.number(gpu.index) && parts.literal(R"(,"minor":)")
           && parts.number(gpu.minor) && parts.literal(R"(,"uuid":)") && parts.string(gpu.uuid)
           && (!parts.literal(R"(,"mig":[)") || read_mig(parts, gpu.mig)) && parts.literal("}");
}

bool read_gpus(Parts& parts, std::vector<RecordedGpu>& gpus) {
    if (parts.literal("]"))
        return true;
    do {
        if (!read_gpu(parts, gpus.emplace_back()))
            return false;
    } while (parts.literal(","));
    return parts.literal("]");
}

/// Not in records of earlier versions.
bool read_process(Parts& parts, std::optional<sys::ProcessIdentity>& process) {
    std::string text;
    if (!parts.literal(R"(,"process":)"))
        return true;
    if (!parts.string(text))
        return false;
    process = sys::parse_process_identity(text);
    return process.has_value();
}

bool read_start(Parts& parts, StartFacts& start) {
    return parts.literal(R"(,"bundle":)") && parts.string(start.bundle)
           && parts.literal(R"(,"driver":)") && parts.string(start.driver_version)
           && parts.literal(R"(,"gpus":[)") && read_gpus(parts, start.gpus)
           && read_process(parts, start.process);
}

} // namespace

std::optional<RecordHeader> read_record_header(std::string_view line) {
    Parts parts(line);
    RecordHeader header;
    RootIdentity root;
    if (!parts.literal(R"({"version":2,"rootfs":)") || !parts.string(header.rootfs)
        || !parts.literal(R"(,"root_inode":)") || !parts.number(root.inode)
        || !parts.literal(R"(,"root_born":)") || !parts.number(root.born_ns)
        || !read_start(parts, header.start) || !parts.literal("}\n") || !parts.is_end())
        return std::nullopt;
    return header;
}

} // namespace grapnel::apply
