// SPDX-License-Identifier: Apache-2.0
// A made-up host in memory. Directories are made as they are needed; links are followed as the
// kernel follows them; what was opened is written down.
#pragma once

#include "driver/inventory.hpp"
#include "sys/host_fs.hpp"

#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <vector>

namespace grapnel::test {

class MemoryHost final : public sys::HostFs {
  public:
    MemoryHost();

    void directory(std::string_view path);
    void file(std::string_view path, std::string content);
    void link(std::string_view path, std::string_view target);
    void character_device(std::string_view path, std::uint32_t major, std::uint32_t minor,
                          std::uint32_t mode = 0666, std::uint32_t group = 0);
    void socket(std::string_view path, std::uint32_t mode = 0, std::uint32_t group = 0);
    /// Of a file that is there.
    void set_mode(std::string_view path, std::uint32_t mode);
    /// A file that is there and gives this errno when it is read.
    void unreadable(std::string_view path, int error);
    /// From now on each change sets the time of change of a file and its directory.
    void let_time_pass() { time_passes_ = true; }
    /// read(), map() and list() fail elsewhere with EACCES, as below Landlock; /dev can be listed.
    void confine_to(const ReadablePaths& readable);
    /// With everything below; nothing happens if there is no such thing.
    void remove(std::string_view path);

    [[nodiscard]] Result<std::string> read(const HostPath& path) const override;
    [[nodiscard]] Result<sys::FileView> map(const HostPath& path) const override;
    [[nodiscard]] Result<std::vector<std::string>> list(const HostPath& path) const override;
    [[nodiscard]] Result<sys::FileFacts> stat(const HostPath& path) const override;
    [[nodiscard]] Result<sys::FileFacts> stat_link(const HostPath& path) const override;
    [[nodiscard]] Result<std::string> read_link(const HostPath& path) const override;
    [[nodiscard]] Result<HostPath> resolve(const HostPath& path) const override;

    /// The paths that read() and map() were called with.
    [[nodiscard]] const std::vector<std::string>& opened() const { return opened_; }

  private:
    struct Node {
        sys::FileFacts::Type type = sys::FileFacts::Type::directory;
        std::string content = {}; ///< of a link: its target
        std::uint32_t major = 0;
        std::uint32_t minor = 0;
        std::uint32_t mode = 0;
        std::uint32_t group = 0;
        int error = 0;
        std::uint64_t inode = 0;   ///< a new one each time that something is made
        std::uint64_t changed = 0; ///< ticks: of a directory, when a name in it was made or removed
    };
    Node& make(std::string_view path);
    void touch_directory_of(const HostPath& path);
    [[nodiscard]] static sys::FileFacts facts_of(const Node& node);
    [[nodiscard]] Result<std::string> real(const std::string& path, int links) const;
    [[nodiscard]] bool is_readable(const std::string& real) const;

    std::map<std::string, Node> nodes_;
    std::vector<std::string> readable_ = {}; ///< without links; empty: everything
    std::vector<std::string> listed_ = {};   ///< the same
    std::uint64_t last_inode_ = 0;
    std::uint64_t ticks_ = 0;
    bool time_passes_ = false;
    mutable std::vector<std::string> opened_;
};

} // namespace grapnel::test
