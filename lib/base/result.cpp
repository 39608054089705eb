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
