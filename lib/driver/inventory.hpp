// SPDX-License-Identifier: Apache-2.0
// The inventory of this host's driver, from /proc, /sys, /dev and files alone. No GPU is opened and
// no code of the driver is run: both can take seconds, and a sick GPU must not keep a healthy one
// from a container. So the plan decides about a sick GPU or a missing node; here it is only
// recorded.
#pragma once

#include "base/device_number.hpp"
#include "base/driver_capability.hpp"
#include "base/node_attributes.hpp"
#include "base/notices.hpp"
#include "base/path.hpp"
#include "base/result.hpp"
#include "base/special_devices.hpp"
#include "driver/known_directories.hpp"
#include "driver/known_gpus.hpp"
#include "sys/host_fs.hpp"

#include <functional>
#include <map>
#include <optional>
#include <string>
#include <vector>

namespace grapnel {

/// JetPack's lists of the driver's files, instead of a search for them.
struct CsvScope {
    enum class Use { never, automatic, always };
    /// automatic: on a Tegra board, unless the nvidia module shows cards alone
    Use use = Use::automatic;
    HostPath directory = host_path("/etc/nvidia-container-runtime/host-files-for-container.d");
    bool all_lists = false;                ///< not only the lists of the board's own driver
    std::vector<HostPath> lists = {};      ///< if there are any: these, instead of the directory's
    std::vector<std::string> ignored = {}; ///< patterns of links: see is_ignored()
};

/// Paths of a host; some are missing.
struct ReadablePaths {
    std::vector<HostPath> read = {};   ///< files, and directories with all below them
    std::vector<HostPath> listed = {}; ///< directories of which the names can be read, at any depth
    std::vector<HostPath> given = {};  ///< files of JetPack's lists, which are mounted and not read
};

/// The scope of the search. Anything outside is not looked at, and not in the inventory.
struct InventoryScope {
    bool driver = true; ///< false: only IMEX channels and device groups; a driver need not be there
    DriverCapabilities driver_capabilities = {};
    DriverCapabilities named_capabilities = {}; ///< the plan refuses their lack: not a warning
    bool cuda_version = false;                  ///< costs a look into libcuda
    bool arch = false; ///< costs a read for each GPU, and a look for libnvidia-ml
    std::vector<HostPath> library_search_path = {};
    std::vector<HostPath> binary_search_path = {};
    std::vector<HostPath> config_search_path = {};
    HostPath ldcache_file = {};
    std::vector<KnownGpu> known_gpus = {};              ///< from an earlier inventory
    std::vector<KnownDirectory> known_directories = {}; ///< the same
    /// A directory that changed later is not kept: a name of the same moment would not show.
    std::int64_t unchanged_since_ns = 0;
    /// By readable_paths(), for a process that can open no others: a file of the driver's that lies
    /// elsewhere refuses the host. Without a path to read: everything.
    ReadablePaths readable = {};
    bool mig_devices = false;
    bool mig_management = false;
    bool all_nodes = false; ///< every node of the driver's, whatever it is for
    ImexChannels imex_channels = {};
    DeviceGroups device_groups = {};
    /// Whether nodes that are missing may be made. Asked only where one is; empty: no.
    std::function<bool()> may_make_nodes = {};
    bool may_make_imex_channels = true; ///< the same for nodes of IMEX channels
    CsvScope csv = {};
};

/// The group, if it is not root's, with more permissions on the node than others have.
[[nodiscard]] std::optional<std::uint32_t> group_with_rights(const NodeAttributes& attributes);

/// A device node as it should be and as it is.
struct Node {
    HostPath path = {};
    std::optional<DeviceNumber> expected = {}; ///< nothing: the kernel module is not loaded
    std::optional<DeviceNumber> found = {};    ///< nothing: no character device is there
    NodeAttributes attributes = {};            ///< of the existing node
    bool other_file = false;                   ///< something else is there
    DriverCapabilities needed_by = {};         ///< empty: by every container
    bool optional = false;
    std::string cure = {}; ///< the cure if it is missing; empty: the driver's tools make it
    /// The driver's file with its mode and owner; empty: the nvidia module's parameters.
    HostPath described_by = {};
    std::optional<NodeAttributes> creation = {}; ///< it is missing and may be made like this

    bool operator==(const Node&) const = default;
};

/// A part of a GPU with nodes of its own, which are given beside the GPU's.
struct MigDevice {
    unsigned index = 0; ///< of its GPU, as NVML counts: by GPU instance and compute instance
    std::uint32_t gpu_instance = 0;
    std::uint32_t compute_instance = 0;
    std::string uuid = {};        ///< empty: not known. See add_answer()
    std::string fault = {};       ///< why it cannot be given to a container; empty: it can
    std::vector<Node> nodes = {}; ///< empty: a driver with /proc files alone

    bool operator==(const MigDevice&) const = default;
};

struct Gpu {
    unsigned index = 0; ///< as NVML counts: by PCI address
    std::string uuid = {};
    std::string pci = {}; ///< as /proc/driver/nvidia/gpus names it: 0000:00:06.0
    std::string model = {};
    std::string fault = {}; ///< why it cannot be given to a container; empty: it can
    std::optional<std::uint32_t> minor = {};
    Node node = {};
    std::vector<Node> more_nodes = {}; ///< of a Jetson's own GPU, beside a card
    /// Compute capability (9.0), by the PCI device ID, else from grapnel-probe.
    std::optional<std::string> arch = {};
    std::optional<std::string> brand = {}; ///< from grapnel-probe alone
    std::vector<Node> drm_nodes = {};      ///< /dev/dri/cardN and renderDN, for graphics or display
    std::vector<MigDevice> mig_devices = {}; ///< by index

    bool operator==(const Gpu&) const = default;
};

/// The right to make MIG devices, or to watch them.
struct MigManagement {
    bool has_proc_files = false; ///< /proc/driver/nvidia/capabilities/mig is there
    bool has_nodes = false;      ///< else the files in /proc are all there is
    std::optional<Node> config = {};
    std::optional<Node> monitor = {};
    std::vector<Node> nodes = {}; ///< of other capabilities, as far as they are there
    /// Of every instance that a GPU can have, by the GPU's minor.
    std::map<std::uint32_t, std::vector<DeviceNumber>> gpus = {};

    bool operator==(const MigManagement&) const = default;
};

/// Of the device groups that were asked for; every node is one of its module.
struct GroupDevices {
    std::vector<Node> nodes = {};
    std::vector<HostPath> files = {};
    std::vector<HostPath> directories = {};

    bool operator==(const GroupDevices&) const = default;
};

struct Library {
    HostPath path = {};
    std::string soname = {};
    bool is_32bit = false;
    std::string subdirectory = {}; ///< below the library directory; empty: directly in it
    bool plain_link = false;       ///< beside it is a link NAME.so that leads to it

    bool operator==(const Library&) const = default;
};

struct Binary {
    HostPath path = {};
    std::string name = {};   ///< its name in the container
    std::string loader = {}; ///< PT_INTERP, where an image has to have it

    bool operator==(const Binary&) const = default;
};

/// A file that tells a loader about the driver's libraries, or data of theirs.
struct ConfigFile {
    HostPath path = {};
    InsidePath inside = {};
    /// To be shown instead of the file's own: the file names a library by its place on this host.
    std::optional<std::string> text = {};

    bool operator==(const ConfigFile&) const = default;
};

/// A file of /proc/driver/nvidia that a container sees a copy of.
struct ProcFile {
    std::string name = {};
    std::string text = {};

    bool operator==(const ProcFile&) const = default;
};

/// A driver's file, directory or link that a container gets at the place it has on the host.
struct SamePlace {
    enum class Kind { library, program, config, directory, link };
    Kind kind = Kind::library;
    HostPath path = {};
    std::string target = {}; ///< of a link: its target

    bool operator==(const SamePlace&) const = default;
};

/// The driver of a platform that is not served by the nvidia kernel module alone: a container gets
/// control nodes, pass-through paths, and the nodes of each GPU where that module shows some. The
/// values say all that differs from one platform to another.
struct PassThrough {
    std::string platform = {};   ///< "Windows (WSL)"
    std::string one_gpu = {};    ///< why there is no device but 0: "a Jetson has one GPU"
    bool any_uuid = false;       ///< every UUID names that device
    bool forward_compat = false; ///< a newer libcuda of the image may serve, by its CUDA alone
    /// An image has that libcuda where the setting for CSV lists says.
    bool csv_compat = false;

    bool operator==(const PassThrough&) const = default;
};

struct Inventory {
    std::string driver_version = {};              ///< where it cannot be known: the platform's name
    std::optional<std::string> cuda_version = {}; ///< the newest CUDA that libcuda serves
    std::vector<Gpu> gpus = {};                   ///< by index
    /// GPUs bound to another driver, if the nvidia driver has no GPU: "0000:01:00.0 (vfio-pci)"
    std::vector<std::string> gpus_of_others = {};
    std::vector<KnownGpu> known_gpus = {};              ///< to be kept for the next inventory
    std::vector<KnownDirectory> known_directories = {}; ///< the same
    std::vector<Node> control_nodes = {};
    std::vector<Library> libraries = {}; ///< sorted by path
    std::vector<Binary> binaries = {};
    std::vector<HostPath> firmware = {};
    std::vector<ConfigFile> config_files = {};
    std::vector<HostPath> x_server_modules = {};
    std::vector<HostPath> sockets = {}; ///< of the driver's daemons
    std::vector<HostPath> socket_directories = {};
    std::vector<ProcFile> proc_files = {};
    HostPath management_library = {}; ///< libnvidia-ml, with scope.arch; empty: not found
    std::string probe_fault = {};     ///< why grapnel-probe gave no answer, if it was asked
    MigManagement mig_management = {};
    std::vector<Node> other_nodes = {}; ///< with scope.all_nodes: nodes that are not named above
    std::vector<Node> imex_channels = {};
    GroupDevices group_devices = {};
    std::optional<PassThrough> pass_through = {}; ///< nothing: the nvidia kernel module serves
    std::vector<SamePlace> same_places = {};
    std::vector<HostPath> same_place_libraries = {}; ///< directories, for the ld.so.cache
    Notices notices = {};                            ///< for the log

    bool operator==(const Inventory&) const = default;
};

/// Facts on the driver that follow from its version.
struct DriverBranch {
    std::string driver_version = {};
    std::optional<std::string> cuda_version = {}; ///< of this branch of drivers, by table
};
[[nodiscard]] Result<DriverBranch> driver_branch(const sys::HostFs& host);

/// Refuses a host without a loaded driver, and libraries that are missing or of another version
/// than the kernel module, with the difference in the error.
[[nodiscard]] Result<Inventory> take_inventory(const sys::HostFs& host,
                                               const InventoryScope& scope);

} // namespace grapnel
