// SPDX-License-Identifier: Apache-2.0
#include "base/result.hpp"

#include "base/text.hpp"

#include <algorithm>
#include <cerrno>
#include <cstring>

namespace grapnel {

std::string Error::text() const {
    std::string line;
    std::for_each(notes.rbegin(), notes.rend(), [&](const auto& note) { line += note + ": "; });
    line += what;
    if (sys != 0) {
        const char* cause = strerrordesc_np(sys);
        line += ": ";
        line += cause != nullptr ? cause : "error " + std::to_string(sys);
    }
    if (!cure.empty())
        line += ": " + cure;
    return printable(line);
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
