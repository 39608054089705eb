// SPDX-License-Identifier: Apache-2.0
// The parts of an inventory, each in a file of its own. Private to this module.
#pragma once

#include "base/version.hpp"
#include "driver/inventory.hpp"

#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace grapnel::driver {

/// A directory without links in its path, with its names, sorted. Names that cannot be the
/// driver's are left out.
struct LibraryDirectory {
    HostPath path = {};
    std::vector<std::string> names = {};
};

/// The version of the loaded kernel module.
[[nodiscard]] Result<std::string> driver_version(const sys::HostFs& host);

/// From libcuda's note, else by the driver's branch.
[[nodiscard]] std::optional<std::string>
cuda_version(const sys::HostFs& host, const std::vector<LibraryDirectory>& directories,
             const std::string& driver_version);

/// The same by the driver's branch alone.
[[nodiscard]] std::optional<std::string> cuda_of_branch(const std::string& driver_version);

/// From the note of this libcuda.
[[nodiscard]] std::optional<std::string> cuda_version_in(const sys::HostFs& host,
                                                         const HostPath& library);

/// Majors of character devices by the name that their kernel module registered.
/// A module can have several.
using Majors = std::multimap<std::string, std::uint32_t>;
[[nodiscard]] Majors character_majors(const sys::HostFs& host);

/// Minor of a misc device (major 10) by its name in /proc/misc.
[[nodiscard]] std::optional<std::uint32_t> misc_minor(const sys::HostFs& host,
                                                      std::string_view name);

/// The numbers N of files named PREFIX N, in order; empty without such a directory.
[[nodiscard]] std::vector<std::uint32_t>
numbered(const sys::HostFs& host, const HostPath& directory, std::string_view prefix);

/// Lines of "Key: \t value"; valid as long as the text.
[[nodiscard]] std::map<std::string_view, std::string_view> fields(std::string_view text);

struct Gpus {
    std::vector<Gpu> gpus = {};
    std::vector<KnownGpu> known = {};
};
[[nodiscard]] Result<Gpus> gpus(const sys::HostFs& host, const Majors& majors,
                                const std::vector<KnownGpu>& known,
                                std::vector<std::string>& remarks);

/// Where the kernel looks for firmware, in its order (drivers/base/firmware_loader/main.c).
[[nodiscard]] std::vector<HostPath> firmware_directories(const sys::HostFs& host);

/// By table; nothing for an ID that is not in it.
[[nodiscard]] std::optional<std::string> compute_capability(std::uint32_t device_id);

/// Of the GPU at that address, by its ID in /sys.
[[nodiscard]] std::optional<std::string> compute_capability(const sys::HostFs& host,
                                                            const std::string& pci);

/// The driver has the channels below this number.
[[nodiscard]] std::uint32_t imex_channel_count(const sys::HostFs& host);

[[nodiscard]] NodeAttributes attributes_of(const sys::FileFacts& facts);

/// A node of /dev as it is found; `expected` as it should be.
[[nodiscard]] Node node(const sys::HostFs& host, const HostPath& path,
                        std::optional<DeviceNumber> expected);

/// A GPU instance or compute instance with unreadable files is a fault of its devices.
void add_mig_devices(const sys::HostFs& host, const Majors& majors, std::vector<Gpu>& gpus,
                     std::vector<std::string>& remarks);
[[nodiscard]] MigManagement mig_management(const sys::HostFs& host, const Majors& majors);

/// The driver's nodes in /dev that the inventory does not have yet, except nodes of device groups
/// and of NVLink, as NVIDIA's CDI mode "management" has them. A node of another driver is a
/// warning.
[[nodiscard]] std::vector<Node> other_nodes(const sys::HostFs& host, const Majors& majors,
                                            const Inventory& inventory,
                                            std::vector<std::string>& remarks);

[[nodiscard]] std::vector<Node> imex_channels(const sys::HostFs& host, const Majors& majors,
                                              const ImexChannels& wanted,
                                              std::vector<std::string>& remarks);
/// A node that is missing, or no longer belongs to its module, is a warning.
[[nodiscard]] GroupDevices group_devices(const sys::HostFs& host, const Majors& majors,
                                         const DeviceGroups& wanted,
                                         std::vector<std::string>& remarks);

[[nodiscard]] std::vector<Node> control_nodes(const sys::HostFs& host, const Majors& majors,
                                              DriverCapabilities wanted);

/// By the "Name: value" lines of the driver's parameters or of a capability's file: mode and
/// owner of the nodes that they stand for. Nothing if the driver wants no nodes to be made.
[[nodiscard]] std::optional<NodeAttributes> node_attributes(const sys::HostFs& host,
                                                            const HostPath& file);

/// Says of each missing node whether it may be made, and how.
void mark_missing_nodes(const sys::HostFs& host, const Majors& majors, const InventoryScope& scope,
                        Inventory& inventory);

/// NVIDIA's GPUs on the PCI bus, each with the driver that holds it. For people: an address
/// with the driver's name, or "no driver", in brackets.
[[nodiscard]] std::vector<std::string> gpus_of_others(const sys::HostFs& host);

struct LibraryDirectories {
    std::vector<LibraryDirectory> directories = {};
    std::vector<KnownDirectory> known = {};
};

/// The directories that hold libraries of the driver `version`, in the order of the search,
/// without duplicates.
[[nodiscard]] Result<LibraryDirectories> library_directories(const sys::HostFs& host,
                                                             const InventoryScope& scope,
                                                             const std::string& version,
                                                             std::vector<std::string>& remarks);

/// True of libX.so.VERSION.
[[nodiscard]] bool has_version(std::string_view name, std::string_view version);

/// The directory that a library directory is `lib` or `lib64` of, or lies below: /usr of
/// /usr/lib/x86_64-linux-gnu/nvidia/current.
[[nodiscard]] std::optional<HostPath> prefix_of(const HostPath& library_directory);

/// The driver's libnvidia-ml of this machine's architecture; empty if missing.
[[nodiscard]] HostPath management_library(const sys::HostFs& host,
                                          const std::vector<LibraryDirectory>& directories,
                                          const std::string& version);

/// A file that is no library of this machine, such as an empty one that another tool left, is
/// skipped with a warning. So is a library of the driver's that another one needs and that is not
/// among them.
[[nodiscard]] Result<std::vector<Library>>
libraries(const sys::HostFs& host, const std::vector<LibraryDirectory>& directories,
          const std::string& version, DriverCapabilities wanted, std::vector<std::string>& remarks);

struct ReadLibrary {
    Library library = {};
    std::vector<std::string> needed = {}; ///< names of other libraries
    sys::FileId file = {};
};

/// The library at `path`; nothing for one of another machine.
[[nodiscard]] Result<std::optional<ReadLibrary>>
read_library(const sys::HostFs& host, const HostPath& path, bool with_32bit);

/// Where distributions keep libraries, the driver's or not.
[[nodiscard]] std::vector<HostPath> usual_library_directories(bool with_32bit);

/// A library of the driver's that has a version of its own.
struct OwnVersion {
    std::string_view stem = {}; ///< its name before ".so"
    Version version = {};
};
[[nodiscard]] std::optional<OwnVersion> own_version(std::string_view name);

/// Libraries of EGL's external platforms (Wayland, GBM, X11), which distributions package apart
/// from the driver: the ones that `have` lacks, as the host's loader finds them.
void add_egl_platforms(const sys::HostFs& host, DriverCapabilities wanted,
                       std::vector<Library>& have, std::vector<std::string>& remarks);

[[nodiscard]] std::vector<Binary>
binaries(const sys::HostFs& host, const InventoryScope& scope,
         const std::vector<LibraryDirectory>& library_directories);

[[nodiscard]] std::vector<HostPath> firmware(const sys::HostFs& host, const std::string& version);

[[nodiscard]] std::vector<ConfigFile>
config_files(const sys::HostFs& host, const InventoryScope& scope,
             const std::vector<LibraryDirectory>& library_directories,
             std::vector<std::string>& remarks);

/// `text` with each library that it names by a path named by its file name alone, as a loader in
/// a container finds it; nothing without such a library. `text` is JSON with members
/// "library_path", or of an OpenCL .icd file: one line.
[[nodiscard]] std::optional<std::string> without_library_paths(std::string_view text);

[[nodiscard]] std::vector<HostPath>
x_server_modules(const sys::HostFs& host, const std::string& version, DriverCapabilities wanted,
                 const std::vector<LibraryDirectory>& library_directories);

/// The nodes that the kernel's graphics subsystem has for the GPU at that PCI address.
[[nodiscard]] std::vector<Node> drm_nodes(const sys::HostFs& host, const Majors& majors,
                                          const std::string& pci,
                                          std::vector<std::string>& remarks);

[[nodiscard]] std::vector<HostPath> sockets(const sys::HostFs& host, DriverCapabilities wanted);
[[nodiscard]] std::vector<HostPath> socket_directories(const sys::HostFs& host,
                                                       DriverCapabilities wanted);

[[nodiscard]] std::vector<ProcFile> proc_files(const sys::HostFs& host);

/// True if a library of that name (libcuda.so.1) is one of the driver's and of nobody else.
[[nodiscard]] bool is_driver_library(std::string_view name);

/// True if a library of that name (libcuda.so.580.65.06) belongs to one of the capabilities.
/// A name that is not known belongs to every capability but utility: new driver branches bring
/// libraries that others need.
[[nodiscard]] bool library_wanted(std::string_view name, DriverCapabilities wanted);

} // namespace grapnel::driver
