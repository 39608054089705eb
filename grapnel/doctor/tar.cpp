// SPDX-License-Identifier: Apache-2.0
#include "doctor/tar.hpp"

#include "base/format.hpp"

#include <numeric>

namespace grapnel::doctor_command {

namespace {

constexpr std::size_t block = 512;
constexpr std::size_t name_length = 99;
constexpr std::size_t checksum_at = 148;

/// Fields of fixed width, each of digits in base 8 with a NUL at its end.
std::string header(std::string_view name, std::size_t size, std::int64_t time) {
    std::string out(name.substr(0, name_length));
    out.resize(name_length + 1, '\0');
    for (const auto& field :
         {format_text("{:07o}", 0644), format_text("{:07o}", 0), format_text("{:07o}", 0),
          format_text("{:011o}", size), format_text("{:011o}", time)}) {
        out += field;
        out += '\0';
    }
    out += "        0"; // the checksum counts as blanks; the type of a regular file
    out.resize(out.size() + 100, '\0');
    out += std::string_view("ustar\00000", 8);
    out.resize(block, '\0');
    const auto sum = std::accumulate(out.begin(), out.end(), 0U, [](unsigned total, char c) {
        return total + static_cast<unsigned char>(c);
    });
    const auto text = format_text("{:06o}", sum);
    out.replace(checksum_at, text.size(), text);
    out[checksum_at + text.size()] = '\0';
    return out;
}

} // namespace

void Tar::add(std::string_view name, std::string_view content) {
    text_ += header(name, content.size(), now_s_);
    text_ += content;
    text_.resize((text_.size() + block - 1) / block * block, '\0');
}

std::string Tar::finish() const {
    return text_ + std::string(2 * block, '\0');
}

} // namespace grapnel::doctor_command
