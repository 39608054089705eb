// SPDX-License-Identifier: Apache-2.0
// The driver as a whole: its version, and the newest CUDA that it serves.
#include "driver/driver_version.hpp"

#include "base/text.hpp"
#include "base/version.hpp"
#include "driver/library_directories.hpp"
#include "elf/elf.hpp"

#include <algorithm>
#include <array>
#include <cstdint>

namespace grapnel::driver {

namespace {

/// For drivers with a libcuda that carries no note.
constexpr std::array<std::pair<unsigned, std::string_view>, 28> cuda_by_branch{{
    {384, "9.0"},  {390, "9.1"},  {396, "9.2"},  {410, "10.0"}, {418, "10.1"}, {430, "10.1"},
    {435, "10.1"}, {440, "10.2"}, {450, "11.0"}, {455, "11.1"}, {460, "11.2"}, {465, "11.3"},
    {470, "11.4"}, {495, "11.5"}, {510, "11.6"}, {515, "11.7"}, {520, "11.8"}, {525, "12.0"},
    {530, "12.1"}, {535, "12.2"}, {545, "12.3"}, {550, "12.4"}, {555, "12.5"}, {560, "12.6"},
    {565, "12.7"}, {570, "12.8"}, {575, "12.9"}, {580, "13.0"},
}};

/// The value of "CUDA version" in the note's JSON. The driver's files are trusted, and the
/// value is checked to be a version: no JSON parser is needed for it.
std::optional<std::string> from_note(std::string_view file) {
    const auto note = elf_note(file, ".note.cuda.fwd_compatibility", "NVIDIA Corporation");
    constexpr std::string_view key = "\"CUDA version\"";
    if (!note || note->find(key) == std::string_view::npos)
        return std::nullopt;
    auto rest = note->substr(note->find(key) + key.size());
    const auto open = rest.find('"');
    if (open == std::string_view::npos)
        return std::nullopt;
    rest.remove_prefix(open + 1);
    const auto value = rest.substr(0, rest.find('"'));
    if (!Version::parse(value))
        return std::nullopt;
    return std::string(value);
}

} // namespace

std::optional<std::string> cuda_of_branch(const std::string& driver_version) {
    const auto version = Version::parse(driver_version);
    if (!version)
        return std::nullopt;
    for (const auto& [branch, cuda] : cuda_by_branch)
        if (version->parts.front() == branch)
            return std::string(cuda);
    return std::nullopt;
}

Result<std::string> driver_version(const sys::HostFs& host) {
    const auto path = host_path("/proc/driver/nvidia/version");
    const auto text = host.read(path);
    if (!text && sys::is_missing(text.error()))
        return refused("the NVIDIA driver is not loaded (no " + path.text() + ")",
                       "run 'modprobe nvidia', or install the driver");
    if (!text)
        return text.error();
    // "NVRM version: NVIDIA UNIX ...  580.159.04  ...": the first word of digits and dots
    const auto line = std::string_view(*text).substr(0, text->find('\n'));
    for (const auto word : split(line, ' ')) {
        const auto version = Version::parse(word);
        if (version && version->parts.size() > 1)
            return std::string(word);
    }
    return refused(path.text() + " names no version: " + quote(line));
}

std::optional<std::string> version_in_name(std::string_view name) {
    constexpr std::uint32_t first_branch = 100;
    for (const std::string_view stem : {"libcuda.so.", "libnvidia-ml.so.", "libGLX_nvidia.so."}) {
        if (!name.starts_with(stem))
            continue;
        const auto version = Version::parse(name.substr(stem.size()));
        if (version && version->parts.size() > 1 && version->parts.front() >= first_branch)
            return std::string(name.substr(stem.size()));
    }
    return std::nullopt;
}

std::optional<std::string> cuda_version_in(const sys::HostFs& host, const HostPath& library) {
    const auto file = host.map(library);
    return file ? from_note(file->bytes()) : std::nullopt;
}

std::optional<std::string> cuda_version(const sys::HostFs& host,
                                        const std::vector<LibraryDirectory>& directories,
                                        const std::string& driver_version) {
    for (const auto& directory : directories) {
        const auto name = "libcuda.so." + driver_version;
        if (!std::ranges::binary_search(directory.names, name))
            continue;
        if (auto version = cuda_version_in(host, directory.path / name))
            return version;
    }
    return cuda_of_branch(driver_version);
}

} // namespace grapnel::driver
