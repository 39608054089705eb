// SPDX-License-Identifier: Apache-2.0
#include "base/result.hpp"

#include "base/text.hpp"

#include <algorithm>
#include <cerrno>
#include <cstring>

namespace grapnel {

namespace {

// Each part is cut by itself: a long name in one of them must not push the others out.
constexpr std::size_t note_limit = 256;
constexpr std::size_t part_limit = 2048;

} // namespace

std::string Error::text() const {
    std::string line;
    std::for_each(notes.rbegin(), notes.rend(),
                  [&](const auto& note) { line += fit_line(note, note_limit) + ": "; });
    line += fit_line(what, part_limit);
    if (sys != 0) {
        const char* cause = strerrordesc_np(sys);
        line += ": ";
        line += cause != nullptr ? cause : "error " + std::to_string(sys);
    }
    if (!cure.empty())
        line += ": " + fit_line(cure, part_limit);
    return fit_line(line);
}

Failure::Failure(Error error) : error_(std::make_unique<Error>(std::move(error))) {}

Failure::Failure(const Failure& other) : Failure(*other.error_) {}

Failure& Failure::operator=(const Failure& other) {
    return *this = Failure(other);
}

Failure::Failure(Failure&& other) noexcept = default;
Failure& Failure::operator=(Failure&& other) noexcept = default;
Failure::~Failure() = default;

void Failure::note(std::string_view doing) {
    error_->notes.emplace_back(doing);
}

void Failure::about(Error::Subject subject) {
    if (error_->subject == Error::Subject::other)
        error_->subject = subject;
}

void Failure::cure(std::string_view advice) {
    error_->cure = advice;
}

Error refused(std::string what, std::string cure) {
    return {.kind = Error::Kind::refused, .what = std::move(what), .cure = std::move(cure)};
}

Error system_error(std::string what, std::string cure) {
    const int saved = errno;
    return {.kind = Error::Kind::system,
            .what = std::move(what),
            .sys = saved,
            .cure = std::move(cure)};
}

} // namespace grapnel
